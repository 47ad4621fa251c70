package portalapi_test

// The payloads of the contract's examples, with the amounts and dates as Bursar
// writes them.

const customerPayload = `{
  "portalId": "docspace.io123",
  "paymentMethodStatus": 1,
  "email": "owner@example.com",
  "payer": {
    "id": "…",
    "displayName": "Olivia Owner",
    "avatar": "/static/images/default_user_photo_size_82-82.png?hash=0",
    "avatarOriginal": "/static/images/default_user_photo_size_200-200.png?hash=0",
    "avatarMax": "/static/images/default_user_photo_size_200-200.png?hash=0",
    "avatarMedium": "/static/images/default_user_photo_size_48-48.png?hash=0",
    "avatarSmall": "/static/images/default_user_photo_size_32-32.png?hash=0",
    "profileUrl": "https://portal.example.com/accounts/people/filter?search=owner%40example.com",
    "hasAvatar": false,
    "isAnonim": false
  }
}`

const balancePayload = `{
  "accountNumber": 100001,
  "subAccountNumber": 1,
  "accountName": "docspace.io123",
  "accountCurrency": "USD",
  "subAccounts": [ { "currency": "USD", "amount": 148.50 } ],
  "lastCredit": { "date": "2026-07-08T11:39:43.123456Z", "currency": "USD", "amount": 100.00 }
}`

const topUpPayload = `{
  "enabled": true,
  "minBalance": 20,
  "upToBalance": 100,
  "currency": "USD",
  "lastModified": "2026-07-08T11:39:43.123456Z"
}`

const noTopUpPayload = `{ "enabled": false, "minBalance": 0, "upToBalance": 0, "lastModified": "2026-07-08T11:39:43.123456Z" }`

const (
	dollars = `{"isoCountryCode":"US","isoCurrencySymbol":"USD","currencyNativeName":"US Dollar","currencySymbol":"$"}`
	euros   = `{"isoCountryCode":"ES","isoCurrencySymbol":"EUR","currencyNativeName":"euro","currencySymbol":"€"}`
	pounds  = `{"isoCountryCode":"GB","isoCurrencySymbol":"GBP","currencyNativeName":"British Pound","currencySymbol":"£"}`
	yens    = `{"isoCountryCode":"JP","isoCurrencySymbol":"JPY","currencyNativeName":"日本円","currencySymbol":"￥"}`
	dinars  = `{"isoCountryCode":"KW","isoCurrencySymbol":"KWD","currencyNativeName":"دينار كويتي","currencySymbol":"د.ك.` + "\u200f" + `"}`
)

// ownLimits are the limits that a portal sets for itself, none of them set.
const ownLimits = `
  "usersQuota": { "enableQuota": false, "defaultQuota": -2 },
  "roomsQuota": { "enableQuota": false, "defaultQuota": -2 },
  "aiAgentsQuota": { "enableQuota": false, "defaultQuota": -2 },
  "tenantCustomQuota": { "enableQuota": false, "quota": -1, "lastModified": "2026-07-08T11:39:43.123456Z" }`

// Example A: Business for ten, and 100 GB.
const businessPayload = `{
  "id": -9,
  "title": "Business",
  "price": { "value": 200.00, "currencySymbol": "$", "isoCurrencySymbol": "USD" },
  "nonProfit": false,
  "free": false,
  "trial": false,
  "features": [
    { "id": "manager", "title": "", "value": 10, "type": "count", "used": { "value": 4, "title": "Admins added:" }, "priceTitle": "Number of admins" },
    { "id": "total_size", "title": "2.54 TB per admin and ability to add space on request", "value": 2791728742400, "type": "size", "used": { "value": 734761123840, "title": "Storage space used:" }, "priceTitle": "Storage space" },
    { "id": "file_size", "title": "Max file size", "value": 1073741824, "type": "size", "used": { "value": 0 } },
    { "id": "branding", "title": "", "value": false, "type": "flag" },
    { "id": "oauth", "title": "", "value": true, "type": "flag" },
    { "id": "year", "title": "", "value": false, "type": "flag" },
    { "id": "backup", "title": "Additional backup", "value": false, "type": "flag" },
    { "id": "aitools", "title": "", "value": false, "type": "flag" },
    { "id": "users", "title": "Unlimited number of users and guests", "value": -1, "type": "count", "used": { "value": 14 } },
    { "id": "room", "title": "Unlimited number of active rooms", "value": -1, "type": "count", "used": { "value": 37, "title": "Rooms:" } },
    { "id": "customization", "title": "Branding & customization", "value": true, "type": "flag" },
    { "id": "ldap", "title": "", "value": true, "type": "flag" },
    { "id": "sso", "title": "SSO", "value": true, "type": "flag" },
    { "id": "free_backup", "title": "2 free backups per month", "value": 2, "type": "count", "used": { "value": 1 } },
    { "id": "restore", "title": "Data recovery", "value": true, "type": "flag" },
    { "id": "audit", "title": "Tracking logins & actions", "value": true, "type": "flag" },
    { "id": "thirdparty", "title": "Pro integrations", "value": true, "type": "flag" },
    { "id": "statistic", "title": "Storage quotas & statistic", "value": true, "type": "flag" },
    { "id": "aiagent", "title": "", "value": -1, "type": "count", "used": { "value": 2 } },
    { "id": "automationapi", "title": "", "value": true, "type": "flag" }
  ],` + ownLimits + `,
  "dueDate": "2026-07-31T11:39:43Z"
}`

// Example B: Startup, which costs nothing.
const startupPayload = `{
  "id": -3,
  "title": "Startup",
  "price": { "value": 0.00, "currencySymbol": "$", "isoCurrencySymbol": "USD" },
  "nonProfit": false,
  "free": true,
  "trial": false,
  "features": [
    { "id": "manager", "title": "", "value": 3, "type": "count", "used": { "value": 1, "title": "Admins added:" }, "priceTitle": "Number of admins" },
    { "id": "total_size", "title": "2 GB per admin and ability to add space on request", "value": 2147483648, "type": "size", "used": { "value": 10485760, "title": "Storage space used:" }, "priceTitle": "Storage space" },
    { "id": "file_size", "title": "Max file size", "value": -1, "type": "size", "used": { "value": 0 } },
    { "id": "branding", "title": "", "value": false, "type": "flag" },
    { "id": "oauth", "title": "", "value": true, "type": "flag" },
    { "id": "year", "title": "", "value": false, "type": "flag" },
    { "id": "backup", "title": "", "value": false, "type": "flag" },
    { "id": "aitools", "title": "", "value": false, "type": "flag" },
    { "id": "users", "title": "Unlimited number of users and guests", "value": -1, "type": "count", "used": { "value": 0 } },
    { "id": "room", "title": "Unlimited number of active rooms", "value": 12, "type": "count", "used": { "value": 3, "title": "Rooms:" } },
    { "id": "customization", "title": "Branding & customization", "value": false, "type": "flag" },
    { "id": "ldap", "title": "", "value": false, "type": "flag" },
    { "id": "sso", "title": "SSO", "value": false, "type": "flag" },
    { "id": "free_backup", "title": "0 free backups per month", "value": 0, "type": "count", "used": { "value": 0 } },
    { "id": "restore", "title": "Data recovery", "value": false, "type": "flag" },
    { "id": "audit", "title": "Tracking logins & actions", "value": false, "type": "flag" },
    { "id": "thirdparty", "title": "Pro integrations", "value": false, "type": "flag" },
    { "id": "statistic", "title": "Storage quotas & statistic", "value": false, "type": "flag" },
    { "id": "aiagent", "title": "", "value": -1, "type": "count", "used": { "value": 0 } },
    { "id": "automationapi", "title": "", "value": true, "type": "flag" }
  ]
}`

var plansPayload = `[` + plan("-9", "20.00", "false", "Additional backup", ","+ownLimits) + `,` +
	plan("-10", "220.00", "true", "Additional backup", ","+ownLimits) + `]`

// startupPlans are the same plans on offer to a portal whose own plan has
// neither statistics nor free backups.
func startupPlans() string {
	return `[` + plan("-9", "20.00", "false", "", "") + `,` + plan("-10", "220.00", "true", "", "") + `]`
}

// plan returns one of the two plans on offer.
func plan(id, price, year, backup, limits string) string {
	return `{
  "id": ` + id + `,
  "title": "Business",
  "price": { "value": ` + price + `, "currencySymbol": "$", "isoCurrencySymbol": "USD" },
  "nonProfit": false, "free": false, "trial": false,
  "features": [
    { "id": "manager", "title": "", "value": 1, "type": "count", "priceTitle": "Number of admins" },
    { "id": "total_size", "title": "250 GB per admin and ability to add space on request", "image": "<svg>", "value": 268435456000, "type": "size", "priceTitle": "Storage space" },
    { "id": "file_size", "title": "Max file size", "value": 1073741824, "type": "size" },
    { "id": "branding", "title": "", "value": false, "type": "flag" },
    { "id": "oauth", "title": "", "value": true, "type": "flag" },
    { "id": "year", "title": "", "value": ` + year + `, "type": "flag" },
    { "id": "backup", "title": "` + backup + `", "value": false, "type": "flag" },
    { "id": "aitools", "title": "", "value": false, "type": "flag" },
    { "id": "users", "title": "Unlimited number of users and guests", "image": "<svg>", "value": -1, "type": "count" },
    { "id": "room", "title": "Unlimited number of active rooms", "image": "<svg>", "value": -1, "type": "count" },
    { "id": "customization", "title": "Branding & customization", "image": "<svg>", "value": true, "type": "flag" },
    { "id": "ldap", "title": "", "value": true, "type": "flag" },
    { "id": "sso", "title": "SSO", "image": "<svg>", "value": true, "type": "flag" },
    { "id": "free_backup", "title": "2 free backups per month", "image": "<svg>", "value": 2, "type": "count" },
    { "id": "restore", "title": "Data recovery", "image": "<svg>", "value": true, "type": "flag" },
    { "id": "audit", "title": "Tracking logins & actions", "image": "<svg>", "value": true, "type": "flag" },
    { "id": "thirdparty", "title": "Pro integrations", "image": "<svg>", "value": true, "type": "flag" },
    { "id": "statistic", "title": "Storage quotas & statistic", "image": "<svg>", "value": true, "type": "flag" },
    { "id": "aiagent", "title": "", "value": -1, "type": "count" },
    { "id": "automationapi", "title": "", "value": true, "type": "flag" }
  ]` + limits + `
}`
}

const servicesPayload = `[
  {
    "id": -11,
    "price": { "value": 0.14, "currencySymbol": "$", "isoCurrencySymbol": "USD" },
    "nonProfit": false, "free": false, "trial": false,
    "features": [
      { "id": "total_size", "title": "Additional disk storage", "image": "<svg>", "value": 1073741824, "type": "size",
        "priceTitle": "Adjust the storage to the exact amount you require." }
    ]
  },
  {
    "id": -12,
    "price": { "value": 10.00, "currencySymbol": "$", "isoCurrencySymbol": "USD" },
    "nonProfit": false, "free": false, "trial": false,
    "features": [
      { "id": "backup", "title": "Additional backup", "image": "<svg>", "value": false, "type": "flag",
        "priceTitle": "Enable backups. Costs will be billed automatically." }
    ]
  },
  {
    "id": -13,
    "price": { "value": 1.00, "currencySymbol": "$", "isoCurrencySymbol": "USD" },
    "nonProfit": false, "free": false, "trial": false,
    "features": [
      { "id": "aitools", "title": "AI features", "image": "<svg>", "value": false, "type": "flag",
        "priceTitle": "Enable AI features to boost productivity." }
    ]
  }
]`
