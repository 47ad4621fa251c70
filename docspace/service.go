package docspace

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/v1"
)

// Service is one of the services that a wallet pays for, by its number.
// Source: contract, "Wallet services".
type Service int

const (
	ServiceStorage  Service = -11
	ServiceBackup   Service = -12
	ServiceAITools  Service = -13
	ServiceAdmin    Service = -14 // since 3.8
	ServiceAISearch Service = -18 // since 4.x
)

var serviceNames = map[Service]string{
	ServiceStorage: "Storage", ServiceBackup: "Backup", ServiceAITools: "AITools", ServiceAdmin: "Admin", ServiceAISearch: "AISearch",
}

// String returns the name that portals know the service by: "Backup"; the number
// of one that has no name here.
func (s Service) String() string {
	if name, ok := serviceNames[s]; ok {
		return name
	}
	return strconv.Itoa(int(s))
}

// ParseService returns the service of a name, in any case, or of a number.
func ParseService(text string) (Service, error) {
	for service, name := range serviceNames {
		if strings.EqualFold(name, text) {
			return service, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("no service %q; there are Storage, Backup, AITools, Admin, AISearch, and numbers", excerpt(text))
	}
	return Service(n), nil
}

// MarshalJSON writes the number.
func (s Service) MarshalJSON() ([]byte, error) { return strconv.AppendInt(nil, int64(s), 10), nil }

// UnmarshalJSON reads a number, or a name in any case.
func (s *Service) UnmarshalJSON(data []byte) error {
	var name string
	if err := json.Unmarshal(data, &name); err == nil {
		parsed, err := ParseService(name)
		*s = parsed
		return err
	}
	return json.Unmarshal(data, (*int)(s))
}

// WalletService is a service with its price: a Quota, what it is called in
// operations, and what belongs to it.
// Source: contract, "GET /payment/walletservices".
type WalletService struct {
	// ServiceName is what operations call it: "disk-storage"; "" when the portal
	// does not say.
	ServiceName string
	// InnerServices are those that come only with this one; nil when none do.
	InnerServices []WalletService
	Quota
}

// MarshalJSON writes the members in DocSpace's order: what a Quota lacks first.
func (s WalletService) MarshalJSON() ([]byte, error) {
	type plain Quota
	if s.Features == nil {
		s.Features = []Feature{}
	}
	return marshal(struct {
		ServiceName   string          `json:"serviceName,omitempty"`
		InnerServices []WalletService `json:"innerServices,omitempty"`
		plain
	}{s.ServiceName, s.InnerServices, plain(s.Quota)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *WalletService) UnmarshalJSON(data []byte) error {
	type plain Quota
	var in struct {
		ServiceName   string          `json:"serviceName"`
		InnerServices []WalletService `json:"innerServices"`
		plain
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*s = WalletService{in.ServiceName, in.InnerServices, Quota(in.plain)}
	return nil
}

// ServicesSettings say which services are switched on.
// Source: contract, "GET /payment/servicessettings".
type ServicesSettings struct {
	// EnabledServices is nil when none is.
	EnabledServices []Service `json:"enabledServices,omitempty"`
	LastModified    Time      `json:"lastModified"`
}

// Enabled reports whether a service is switched on.
func (s ServicesSettings) Enabled(service Service) bool {
	for _, enabled := range s.EnabledServices {
		if enabled == service {
			return true
		}
	}
	return false
}

// ServiceState is the body that switches a service on or off.
// Source: contract, "POST /payment/servicestate".
type ServiceState struct {
	Service Service
	Enabled bool
}

// MarshalJSON writes {"service":"Backup","enabled":true}.
func (s ServiceState) MarshalJSON() ([]byte, error) {
	var service any = s.Service
	if name, ok := serviceNames[s.Service]; ok {
		service = name
	}
	return marshal(struct {
		Service any  `json:"service"`
		Enabled bool `json:"enabled"`
	}{service, s.Enabled})
}

// UnmarshalJSON reads what MarshalJSON writes, and the service's number; a service
// that is missing is an error.
func (s *ServiceState) UnmarshalJSON(data []byte) error {
	var in struct {
		Service *Service `json:"service"`
		Enabled bool     `json:"enabled"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	if in.Service == nil {
		return fmt.Errorf("service is missing")
	}
	*s = ServiceState{*in.Service, in.Enabled}
	return nil
}

// ActiveService is a service that a portal has now: subscribed to, or switched on.
// Source: contract, "What newer versions add", GET /payment/activeservices (4.x).
type ActiveService struct {
	// Service is what operations call it: "disk-storage".
	Service string `json:"service"`
	// ServiceUnit is what Limit and Used count: "GB"; "" when there is nothing to
	// count.
	ServiceUnit  string `json:"serviceUnit,omitempty"`
	Subscription bool   `json:"subscription"`
	Title        string `json:"title,omitempty"`
	// Limit and Used are nil where nothing is counted.
	Limit *int64 `json:"limit,omitempty"`
	Used  *int64 `json:"used,omitempty"`
}
