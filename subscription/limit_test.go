package subscription_test

import (
	"errors"
	"testing"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/subscription"
)

func TestCheck(t *testing.T) {
	const gigabyte = 1 << 30
	const all = "manager:3, users:20, total_size:268435456000, room:12, usersInRoom:5, aiagent:2, free_backup:2:fixed, file_size:100"
	used := map[string]int64{"manager": 4, "users": 21, "total_size": 250*gigabyte + 1, "room": 13, "usersInRoom": 6, "aiagent": 3}
	without := func(features ...string) map[string]int64 {
		rest := map[string]int64{}
		for name, n := range used {
			rest[name] = n
		}
		for _, name := range features {
			delete(rest, name)
		}
		return rest
	}
	tests := []struct {
		name     string
		features string
		used     map[string]int64
		feature  string
		want     string // "" when nothing is exceeded
	}{
		{"all of them", all, used, "manager", "The number of admins should not exceed 3"},
		{"users", all, without("manager"), "users", "The number of users should not exceed 20"},
		{"storage", all, without("manager", "users"), "total_size", "The used storage size should not exceed 250 GB"},
		{"rooms", all, without("manager", "users", "total_size"), "room", "The number of rooms should not exceed 12"},
		{"users in a room", all, without("manager", "users", "total_size", "room"), "usersInRoom", "The number of users in a room should not exceed 5"},
		{"agents", all, without("manager", "users", "total_size", "room", "usersInRoom"), "aiagent", "The number of AI agents should not exceed 2"},
		{"exactly", all, map[string]int64{"manager": 3, "users": 20, "total_size": 250 * gigabyte, "room": 12, "usersInRoom": 5, "aiagent": 2}, "", ""},
		{"nothing is counted", all, nil, "", ""},
		{"free backups are no reason", all, map[string]int64{"free_backup": 3}, "", ""},
		{"a file is no reason", all, map[string]int64{"file_size": 200 * gigabyte}, "", ""},
		{"no limits", "audit", used, "", ""},
		{"a limit of nought", "room:0", map[string]int64{"room": 1}, "room", "The number of rooms should not exceed 0"},
		{"a small size", "total_size:100", map[string]int64{"total_size": gigabyte}, "total_size", "The used storage size should not exceed 100 MB"},
	}
	for _, tt := range tests {
		allowed, err := catalog.ParseFeatures(tt.features)
		if err != nil {
			t.Fatal(err)
		}
		err = subscription.Check(allowed, tt.used)
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		var limit *subscription.LimitError
		if !errors.As(err, &limit) {
			t.Errorf("%s: %v is no LimitError", tt.name, err)
			continue
		}
		if limit.Feature != tt.feature || limit.Limit != allowed.Limit(tt.feature) || err.Error() != tt.want {
			t.Errorf("%s: %+v, %q; want %q", tt.name, limit, err, tt.want)
		}
	}
	if err := subscription.Check(catalog.Features{}, used); err != nil {
		t.Errorf("the zero Features: %v", err)
	}
}

func TestLimitTexts(t *testing.T) {
	for want, limit := range map[string]subscription.LimitError{
		"The number of free backups should not exceed 2 within a month": {Feature: "free_backup", Limit: 2},
		"The use of file_size should not exceed 1 GB":                   {Feature: "file_size", Limit: 1 << 30},
		"The use of doors should not exceed 4":                          {Feature: "doors", Limit: 4},
	} {
		if got := limit.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
