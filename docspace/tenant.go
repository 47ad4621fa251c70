package docspace

import (
	stdjson "encoding/json"
	"fmt"
	"math"

	"github.com/go-json-experiment/json/v1"

	"github.com/bursarhq/bursar/money"
)

// What stands for "no limit" in a TenantQuota, and nowhere else.
const (
	UnlimitedCount = math.MaxInt32
	UnlimitedSize  = math.MaxInt64
)

// TenantQuota is what a portal's plan and all that is added to it allow together,
// as the portal keeps it. Counts are UnlimitedCount and sizes UnlimitedSize where
// there is no limit. Source: contract, "GET /api/2.0/portal/quota".
type TenantQuota struct {
	// TenantID is the number of the plan, whatever it is called: -9.
	TenantID int    `json:"tenantId"`
	Name     string `json:"name"`
	// Price is for the quantity that the portal has.
	Price Price `json:"-"`
	// ProductID is nil when there is no product, and "" when there is more than one.
	ProductID    *string `json:"productId,omitempty"`
	ServiceName  string  `json:"serviceName,omitempty"`
	ServiceGroup string  `json:"serviceGroup,omitempty"`
	Visible      bool    `json:"visible"`
	Wallet       bool    `json:"wallet"`
	// Additional is nil from a portal before 3.8, which does not say.
	Additional *bool `json:"additional,omitempty"`
	// DueDate is the earliest of what is paid from the wallet; the zero Time when
	// nothing is.
	DueDate Time `json:"dueDate,omitzero"`
	// Features is all that follows, as one text in a grammar of DocSpace's own:
	// "audit,ldap,total_size:107374182400,manager:1".
	Features string `json:"features"`

	MaxFileSize    int64 `json:"maxFileSize"`  // bytes
	MaxTotalSize   int64 `json:"maxTotalSize"` // bytes
	CountUser      int64 `json:"countUser"`
	CountRoomAdmin int64 `json:"countRoomAdmin"`
	UsersInRoom    int64 `json:"usersInRoom"`
	CountRoom      int64 `json:"countRoom"`

	NonProfit       bool  `json:"nonProfit"`
	Trial           bool  `json:"trial"`
	Free            bool  `json:"free"`
	Update          bool  `json:"update"`
	Audit           bool  `json:"audit"`
	DocsEdition     bool  `json:"docsEdition"`
	LDAP            bool  `json:"ldap"`
	SSO             bool  `json:"sso"`
	Statistic       bool  `json:"statistic"`
	Branding        bool  `json:"branding"`
	Customization   bool  `json:"customization"`
	Lifetime        bool  `json:"lifetime"`
	AutomationAPI   bool  `json:"automationApi"`
	Custom          bool  `json:"custom"`
	Restore         bool  `json:"restore"`
	OAuth           bool  `json:"oauth"`
	ContentSearch   bool  `json:"contentSearch"`
	ThirdParty      bool  `json:"thirdParty"`
	Year            bool  `json:"year"`
	CountFreeBackup int64 `json:"countFreeBackup"`
	Backup          bool  `json:"backup"`
	CountAIAgent    int64 `json:"countAIAgent"`
	AITools         bool  `json:"aiTools"`
}

// MarshalJSON writes the members in DocSpace's order, the price in its place.
func (q TenantQuota) MarshalJSON() ([]byte, error) {
	type plain TenantQuota
	return marshal(struct {
		TenantID int             `json:"tenantId"`
		Name     string          `json:"name"`
		Price    json.RawMessage `json:"price"`
		Symbol   string          `json:"priceCurrencySymbol,omitempty"`
		ISO      money.Currency  `json:"priceISOCurrencySymbol,omitempty"`
		plain                    // without the members above
	}{q.TenantID, q.Name, amountMember(q.Price.Amount), q.Price.Symbol, q.Price.Amount.Currency(), plain(q)})
}

// UnmarshalJSON reads what MarshalJSON writes; a price, or a limit on sizes or
// administrators, that is missing is an error, not nought.
func (q *TenantQuota) UnmarshalJSON(data []byte) error {
	type plain TenantQuota
	var in struct {
		Price          json.Number `json:"price"`
		Symbol         string      `json:"priceCurrencySymbol"`
		ISO            string      `json:"priceISOCurrencySymbol"`
		MaxFileSize    *int64      `json:"maxFileSize"`
		MaxTotalSize   *int64      `json:"maxTotalSize"`
		CountRoomAdmin *int64      `json:"countRoomAdmin"`
		plain
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	price, err := readPrice("price", in.Price, in.Symbol, in.ISO)
	if err != nil {
		return err
	}
	for member, limit := range map[string]*int64{
		"maxFileSize": in.MaxFileSize, "maxTotalSize": in.MaxTotalSize, "countRoomAdmin": in.CountRoomAdmin,
	} {
		if limit == nil {
			return fmt.Errorf("%s is missing", member)
		}
	}
	*q = TenantQuota(in.plain)
	q.Price, q.MaxFileSize, q.MaxTotalSize, q.CountRoomAdmin = price, *in.MaxFileSize, *in.MaxTotalSize, *in.CountRoomAdmin
	return nil
}

// PaymentSettings are whom to ask and what to buy for a portal.
// Source: contract, "GET /api/2.0/settings/payment".
type PaymentSettings struct {
	SalesEmail string `json:"salesEmail,omitempty"`
	// BuyURL is where licences of portals that stand alone are sold.
	BuyURL     string `json:"buyUrl,omitempty"`
	Standalone bool   `json:"standalone"`
	// CurrentLicense is nil when the portal does not say.
	CurrentLicense *License `json:"currentLicense,omitempty"`
	// Max is how many administrators can be bought at once.
	Max int64 `json:"max"`
}

// License is what a portal runs under.
type License struct {
	Trial bool `json:"trial"`
	// DueDate is the zero Time when it does not end.
	DueDate Time `json:"dueDate"`
}

// TenantExtra is what a portal knows of its own tariff, in one answer.
// Source: contract, "GET /api/2.0/portal/tenantextra".
type TenantExtra struct {
	CustomMode bool `json:"customMode"`
	OpenSource bool `json:"opensource"`
	Enterprise bool `json:"enterprise"`
	Developer  bool `json:"developer"`
	// Tariff and Quota are nil when the portal does not say.
	Tariff  *Tariff `json:"tariff,omitempty"`
	Quota   *Quota  `json:"quota,omitempty"`
	NotPaid bool    `json:"notPaid"`
	// LicenseAccept is when somebody agreed to the licence, as text; "" when nobody
	// did.
	LicenseAccept    string `json:"licenseAccept,omitempty"`
	EnableTariffPage bool   `json:"enableTariffPage"`
	// DocServerUserQuota and DocServerLicense are the document server's own, as the
	// portal sends them; nil when it sends nothing.
	DocServerUserQuota stdjson.RawMessage `json:"docServerUserQuota,omitempty"`
	DocServerLicense   stdjson.RawMessage `json:"docServerLicense,omitempty"`
}
