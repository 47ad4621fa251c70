package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
)

// furnish makes portals p and q, with a user and a key in each and a customer in p.
func furnish(t *testing.T, s *Store) {
	t.Helper()
	for i, id := range []string{"p", "q"} {
		addPortal(t, s, id)
		change(t, s, id, func(tx *Tx) error {
			return errors.Join(
				tx.InsertUser(User{ID: "user-of-" + id, Email: "user@" + id + ".example", Role: "user", CreatedAt: epoch}),
				tx.InsertKey(Key{ID: "key-of-" + id, UserID: "owner", Name: "k", Hash: [32]byte{byte(i)}, Postfix: "abcd", CreatedAt: epoch}),
			)
		})
	}
	change(t, s, "p", func(tx *Tx) error {
		return errors.Join(
			tx.PutCustomer(Customer{AccountNumber: 1, Email: "owner@p.example", PayerID: "owner", MethodStatus: "set", CreatedAt: epoch}),
			tx.EnsurePocket(ledger.Main, "USD"),
			tx.PutSubscriptions([]Subscription{{PlanID: -9, Quantity: 1}}),
			tx.PutTopUpRule(TopUpRule{MinBalance: usd(5_00), UpTo: usd(6_00), ModifiedAt: epoch}),
			tx.PutFloor(ledger.Main, "USD", usd(5_00), epoch),
			tx.CauseJob(epoch, Job{Kind: JobTopUp, RunAt: epoch}),
			tx.PutUsage("room", 1),
			tx.PutServices([]int{-12}, epoch),
		)
	})
}

// onP is a change of p that has written something before it does what fails.
func onP(last func(tx *Tx) error) func(context.Context, *Store) error {
	return func(ctx context.Context, s *Store) error {
		return s.Change(ctx, "p", func(tx *Tx) error {
			if err := errors.Join(
				tx.InsertUser(User{ID: "before", Email: "before@p.example", Role: "guest", CreatedAt: epoch}),
				tx.PutUsage("room", 99),
				tx.PutServices(nil, epoch),
				tx.PutSubscriptions(nil),
				tx.DeleteTopUpRule(),
			); err != nil {
				return err
			}
			return last(tx)
		})
	}
}

// creating is a CreatePortal that fails.
func creating(id string, hosts []string, fn func(tx *Tx) error) func(context.Context, *Store) error {
	return func(ctx context.Context, s *Store) error {
		return s.CreatePortal(ctx, Portal{ID: id, Name: id, CreatedAt: epoch}, hosts, fn)
	}
}

func TestRefusedChangesLeaveNothingBehind(t *testing.T) {
	errOwn := errors.New("the caller's own")
	user := User{ID: "new", Email: "new@p.example", Role: "user", CreatedAt: epoch}
	key := Key{ID: "new", UserID: "owner", Name: "new", Hash: [32]byte{77}, Postfix: "abcd", CreatedAt: epoch}
	customer := Customer{Email: "a@example.com", MethodStatus: "none", CreatedAt: epoch}
	rule := TopUpRule{Enabled: true, MinBalance: usd(20_00), UpTo: usd(100_00), ModifiedAt: epoch}

	insertUser := func(change func(*User)) func(tx *Tx) error {
		u := user
		change(&u)
		return func(tx *Tx) error { return tx.InsertUser(u) }
	}
	insertKey := func(change func(*Key)) func(tx *Tx) error {
		k := key
		change(&k)
		return func(tx *Tx) error { return tx.InsertKey(k) }
	}
	putCustomer := func(change func(*Customer)) func(tx *Tx) error {
		c := customer
		change(&c)
		return func(tx *Tx) error { return tx.PutCustomer(c) }
	}
	putRule := func(change func(*TopUpRule)) func(tx *Tx) error {
		r := rule
		change(&r)
		return func(tx *Tx) error { return tx.PutTopUpRule(r) }
	}
	putSubscriptions := func(all ...Subscription) func(tx *Tx) error {
		return func(tx *Tx) error { return tx.PutSubscriptions(all) }
	}

	// errAny stands for a rule of the tables that callers have to keep: which
	// error it is does not matter, but ErrExists and ErrNotFound say otherwise.
	errAny := errors.New("any")
	tests := []struct {
		name string
		do   func(context.Context, *Store) error
		want error
	}{
		{"portal id taken", creating("p", []string{"free.example"}, nothing), ErrExists},
		{"host taken", creating("new", []string{"free.example", "q.example"}, nothing), ErrExists},
		{"host given twice", creating("new", []string{"free.example", "free.example"}, nothing), ErrExists},
		{"second owner of a new portal", creating("new", []string{"free.example"}, func(tx *Tx) error {
			return errors.Join(insertUser(func(u *User) { u.Role = "owner" })(tx),
				insertUser(func(u *User) { u.ID, u.Email, u.Role = "x", "x@x.example", "owner" })(tx))
		}), ErrExists},
		{"caller refuses a new portal", creating("new", []string{"free.example"}, func(tx *Tx) error { return errOwn }), errOwn},
		{"no id", creating("", nil, nothing), errAny},
		{"host in capitals", creating("new", []string{"Free.example"}, nothing), errAny},
		{"empty host", creating("new", []string{""}, nothing), errAny},

		{"no such portal", func(ctx context.Context, s *Store) error { return s.Change(ctx, "nowhere", nothing) }, ErrNotFound},
		{"caller refuses", onP(func(*Tx) error { return errOwn }), errOwn},
		{"user id taken", onP(insertUser(func(u *User) { u.ID = "user-of-p" })), ErrExists},
		{"e-mail taken", onP(insertUser(func(u *User) { u.Email = "user@p.example" })), ErrExists},
		{"second owner", onP(insertUser(func(u *User) { u.Role = "owner" })), ErrExists},
		{"unknown role", onP(insertUser(func(u *User) { u.Role = "boss" })), errAny},
		{"no role", onP(insertUser(func(u *User) { u.Role = "" })), errAny},
		{"e-mail in capitals", onP(insertUser(func(u *User) { u.Email = "New@p.example" })), errAny},
		{"user without a day", onP(insertUser(func(u *User) { u.CreatedAt = time.Time{} })), errAny},

		{"key id taken", onP(insertKey(func(k *Key) { k.ID = "key-of-p" })), ErrExists},
		{"key hash taken", onP(insertKey(func(k *Key) { k.Hash = [32]byte{0} })), ErrExists},
		{"key of nobody", onP(insertKey(func(k *Key) { k.UserID = "nobody" })), errAny},
		{"key of another portal's user", onP(insertKey(func(k *Key) { k.UserID = "user-of-q" })), errAny},
		{"revoke no key", onP(func(tx *Tx) error { return tx.RevokeKey("none", epoch) }), ErrNotFound},
		{"revoke another portal's key", onP(func(tx *Tx) error { return tx.RevokeKey("key-of-q", epoch) }), ErrNotFound},

		{"customer's e-mail in capitals", onP(putCustomer(func(c *Customer) { c.Email = "A@example.com" })), errAny},
		{"customer's method unknown", onP(putCustomer(func(c *Customer) { c.MethodStatus = "maybe" })), errAny},
		{"payer is nobody", onP(putCustomer(func(c *Customer) { c.PayerID = "nobody" })), errAny},
		{"payer is another portal's user", onP(putCustomer(func(c *Customer) { c.PayerID = "user-of-q" })), errAny},
		{"pocket of no currency", onP(func(tx *Tx) error { return tx.EnsurePocket(ledger.Main, "") }), errAny},
		{"pocket of no book", onP(func(tx *Tx) error { return tx.EnsurePocket("side", "USD") }), errAny},

		{"quantity is nought", onP(putSubscriptions(Subscription{PlanID: -9, Quantity: 0})), errAny},
		{"quantity is negative", onP(putSubscriptions(Subscription{PlanID: -9, Quantity: -1})), errAny},
		{"plan id above zero", onP(putSubscriptions(Subscription{PlanID: 9, Quantity: 1})), errAny},
		{"plan given twice", onP(putSubscriptions(Subscription{PlanID: -9, Quantity: 1}, Subscription{PlanID: -9, Quantity: 2})), ErrExists},
		{"service given twice", onP(func(tx *Tx) error { return tx.PutServices([]int{-11, -11}, epoch) }), ErrExists},
		{"up to equals min balance", onP(putRule(func(r *TopUpRule) { r.UpTo = r.MinBalance })), errAny},
		{"up to below min balance", onP(putRule(func(r *TopUpRule) { r.UpTo = usd(19_99) })), errAny},
		{"min balance is nought", onP(putRule(func(r *TopUpRule) { r.MinBalance = usd(0) })), errAny},
		{"rule in no currency", onP(putRule(func(r *TopUpRule) { r.MinBalance = money.FromUnits(1, "") })), errAny},
		{"name with a zero byte", onP(insertUser(func(u *User) { u.Name = "a\x00b" })), errAny},
		{"name that is no UTF-8", onP(insertUser(func(u *User) { u.Name = "a\xffb" })), errAny},
		{"payer with a zero byte", onP(putCustomer(func(c *Customer) { c.PayerID = "\x00" })), errAny},
		{"a failure is overlooked", onP(func(tx *Tx) error { _ = tx.PutServices([]int{-11, -11}, epoch); return nil }), ErrExists},
		{"usage is negative", onP(func(tx *Tx) error { return tx.PutUsage("room", -1) }), errAny},
	}
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		before := dump(t, s)
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				err := tt.do(t.Context(), s)
				switch {
				case err == nil:
					t.Fatal("is accepted")
				case tt.want == errAny:
					if errors.Is(err, ErrExists) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrBusy) {
						t.Errorf("the error says something else: %v", err)
					}
				case !errors.Is(err, tt.want):
					t.Errorf("got %v, want %v", err, tt.want)
				}
				diff(t, "the database", dump(t, s), before)
			})
		}
		mustWork(t, s, "p")
	})
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	tests := map[string]func(tx *Tx) error{
		"portal":           func(tx *Tx) error { _, err := tx.Portal("none"); return err },
		"host":             func(tx *Tx) error { _, err := tx.Address("none.example"); return err },
		"address by id":    func(tx *Tx) error { _, err := tx.AddressByID("none"); return err },
		"user by id":       func(tx *Tx) error { _, err := tx.UserByID("p", "none"); return err },
		"user by e-mail":   func(tx *Tx) error { _, err := tx.UserByEmail("p", "none@p.example"); return err },
		"owner":            func(tx *Tx) error { _, err := tx.Owner("none"); return err },
		"customer":         func(tx *Tx) error { _, err := tx.Customer("q"); return err },
		"key":              func(tx *Tx) error { _, _, err := tx.KeyByHash("p", [32]byte{9}); return err },
		"no e-mail":        func(tx *Tx) error { _, err := tx.UserByEmail("p", "a\x00b@p.example"); return err },
		"no text":          func(tx *Tx) error { _, err := tx.Address("\xff"); return err },
		"another's user":   func(tx *Tx) error { _, err := tx.UserByID("p", "user-of-q"); return err },
		"another's e-mail": func(tx *Tx) error { _, err := tx.UserByEmail("p", "user@q.example"); return err },
		"another's key":    func(tx *Tx) error { _, _, err := tx.KeyByHash("p", [32]byte{1}); return err },
	}
	onEach(t, func(t *testing.T, s *Store) {
		furnish(t, s)
		for name, look := range tests {
			if err := s.Read(t.Context(), look); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
