package billing

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/bursarhq/bursar/store"
)

// builds counts how often what is derived from a view is built.
type builds struct {
	mu    sync.Mutex
	times map[any]int
}

func (b *builds) text(key any) func() (string, error) {
	return func() (string, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.times == nil {
			b.times = map[any]int{}
		}
		b.times[key]++
		return fmt.Sprint(key), nil
	}
}

func TestDerivedIsBuiltOnce(t *testing.T) {
	v, b := &View{}, &builds{}
	for range 3 {
		for key := range maxDerived {
			if got, err := Derived(v, key, b.text(key)); err != nil || got != fmt.Sprint(key) {
				t.Errorf("%d: %q, %v", key, got, err)
			}
		}
	}
	for key, n := range b.times {
		if n != 1 {
			t.Errorf("%v was built %d times", key, n)
		}
	}
}

func TestDerivedBelongsToItsView(t *testing.T) {
	one, two, b := &View{}, &View{}, &builds{}
	for _, v := range []*View{one, two} {
		if _, err := Derived(v, "key", b.text("key")); err != nil {
			t.Fatal(err)
		}
	}
	if b.times["key"] != 2 {
		t.Errorf("built %d times for two views", b.times["key"])
	}
}

// TestDerivedTellsKeysOfDifferentTypesApart keeps one door's keys from another's.
func TestDerivedTellsKeysOfDifferentTypesApart(t *testing.T) {
	type mine string
	type yours string
	v := &View{}
	for range 2 {
		m, err := Derived(v, mine("key"), func() (int, error) { return 1, nil })
		if err != nil || m != 1 {
			t.Errorf("mine: %d, %v", m, err)
		}
		y, err := Derived(v, yours("key"), func() (string, error) { return "one", nil })
		if err != nil || y != "one" {
			t.Errorf("yours: %q, %v", y, err)
		}
	}
}

func TestDerivedKeepsNoErrors(t *testing.T) {
	v, b := &View{}, &builds{}
	failure := errors.New("no")
	for range 3 * maxDerived { // nor do they take up room
		if got, err := Derived(v, "key", func() (string, error) { return "half", failure }); err != failure {
			t.Fatalf("%q, %v", got, err)
		}
	}
	for range 2 {
		if got, err := Derived(v, "key", b.text("key")); err != nil || got != "key" {
			t.Errorf("after errors: %q, %v", got, err)
		}
	}
	if b.times["key"] != 1 {
		t.Errorf("built %d times after errors", b.times["key"])
	}
}

func TestDerivedKeepsNoMoreThanItsBound(t *testing.T) {
	v, b := &View{}, &builds{}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for key := range 5 * maxDerived {
				if got, err := Derived(v, key, b.text(key)); err != nil || got != fmt.Sprint(key) {
					t.Errorf("%d: %q, %v", key, got, err)
				}
			}
		})
	}
	all.Wait()
	if n := kept(v); n > maxDerived {
		t.Errorf("%d are kept", n)
	}
}

// TestDerivedKeepsItsBoundForEver: a view of a portal that never changes lives
// for as long as the process, and is asked for more than it keeps all the time.
func TestDerivedKeepsItsBoundForEver(t *testing.T) {
	v, b := &View{}, &builds{}
	for key := range maxDerived {
		_, _ = Derived(v, key, b.text(key))
	}
	v.made.count.Store(math.MaxInt32 - 10) // as after so many
	for key := range 1000 {
		_, _ = Derived(v, key, b.text(key))
	}
	if n := kept(v); n > maxDerived {
		t.Errorf("%d are kept", n)
	}
}

// TestViewKeepsItsBoundOfKeysForEver is the same for the keys beside a view.
func TestViewKeepsItsBoundOfKeysForEver(t *testing.T) {
	db, err := store.Open(t.Context(), store.Config{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s, err := New(Config{Store: db})
	if err != nil {
		t.Fatal(err)
	}
	portal := NewPortal{ID: "p", Hosts: []string{"p.example"}, Owner: NewUser{Email: "o@example.com"}}
	if _, err := s.CreatePortal(t.Context(), portal); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"sk-1", "sk-2", "sk-3"} {
		if _, _, err := s.CreateKey(t.Context(), "p", NewKey{Name: "k", Secret: secret}); err != nil {
			t.Fatal(err)
		}
	}
	v, err := s.View(t.Context(), "p.example")
	if err != nil {
		t.Fatal(err)
	}
	v.keyCount.Store(math.MaxInt32 - 1) // as after so many that found no room
	for _, secret := range []string{"sk-1", "sk-2", "sk-3"} {
		if _, err := s.Authenticate(t.Context(), v, secret, Reading); err != nil {
			t.Fatal(err)
		}
	}
	v.keys.Range(func(any, any) bool {
		t.Error("a key is kept although there is no room")
		return false
	})
}

func kept(v *View) int {
	n := 0
	v.made.values.Range(func(any, any) bool { n++; return true })
	return n
}
