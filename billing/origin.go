package billing

import (
	"cmp"
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/store"
)

// origin is how the ledger keeps an actor with what was asked: the kind, which one,
// and the id of the request, as far as there are any, at most ledger.MaxOrigin bytes.
func (a Actor) origin() string {
	var room [ledger.MaxOrigin]byte // one allocation, for the text
	b := append(room[:0], a.Kind...)
	for _, part := range [...]string{cmp.Or(a.ID, a.Name), a.Request} {
		if part != "" {
			b = append(append(b, ' '), part...)
		}
	}
	text := string(b)
	if strings.ContainsFunc(text, unicode.IsControl) {
		text = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, text)
	}
	return strings.ToValidUTF8(text[:min(len(text), ledger.MaxOrigin)], "")
}

// post has the store carry requests out, each with whose it is under the context.
// Here and in carryOut all requests of this package become the ledger's.
func (s *Service) post(ctx context.Context, p store.Post) ([]ledger.Result, error) {
	by(actorOf(ctx), p.Requests)
	return s.store.Post(ctx, p)
}

// carryOut carries requests out as a part of the change that leaves the trail.
func (t *trail) carryOut(tx *store.Tx, now time.Time, requests []ledger.Request) ([]ledger.Result, error) {
	by(t.actor, requests)
	return tx.CarryOut(now, requests)
}

func by(a Actor, requests []ledger.Request) {
	origin := a.origin()
	for i := range requests {
		requests[i].Origin = origin
	}
}

// Origins returns who asked for transfers of a portal, by their keys, where that is
// known: "operator 5c1f… 7d0a…". What was done before Bursar kept it is missing.
func (s *Service) Origins(ctx context.Context, portalID string, transfers ...ledger.Transfer) (origins map[string]string, err error) {
	keys := make([]string, len(transfers))
	for i := range transfers {
		keys[i] = transfers[i].Key
	}
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		origins, err = tx.Origins(portalID, keys)
		return err
	})
	return origins, fromStore("read origins", err)
}
