#!/usr/bin/env bash
# Plants bugs that are known from elsewhere in a copy of the module, one at a time, and
# fails unless the simulator finds each within so many seeds.
#
# usage: bench/simulate/mutate.sh [word]     only bugs with the word in their name
#
# Needs go and perl. A bug that no longer applies, or does not compile, is an error:
# mend it. SEEDS says how many seeds it may take (60).
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
only=${1:-}
seeds=${SEEDS:-60}
copy=$(mktemp -d "${TMPDIR:-/tmp}/mutate.XXXXXX")
trap 'rm -rf "$copy"' EXIT
(cd "$root" && git ls-files -c -o --exclude-standard -z | tar -c --null -T - --ignore-failed-read) | tar -x -C "$copy"
cd "$copy"

total=0 wrong=0
row() { printf '%-62s %-9s %s\n' "$@"; }
row bug outcome 'found by'

# bug NAME [FILE PERL]...: perl is run on the whole of each file as one text.
bug() {
  local name=$1 files=() file
  shift
  case "$name" in *"$only"*) ;; *) return 0 ;; esac
  total=$((total + 1))
  while [ $# -gt 0 ]; do
    file=$1
    files+=("$file")
    [ -e "$file.kept" ] || cp "$file" "$file.kept"
    cp "$file" before
    perl -0pi -e "$2" "$file"
    if cmp -s before "$file"; then
      row "$name" ERROR "it no longer applies to $file"
      wrong=$((wrong + 1))
    fi
    shift 2
  done
  if ! go build -o planted ./bench/simulate >out 2>&1; then
    row "$name" ERROR "it does not compile: $(sed -n 2p out)"
    wrong=$((wrong + 1))
  elif ./planted -brief -seeds "$seeds" >out 2>&1; then
    row "$name" SURVIVED "$seeds seeds"
    wrong=$((wrong + 1))
  else
    row "$name" found "$(sed -n 's/^simulate: sqlite: //p' out | head -1 | cut -c1-150)"
  fi
  for file in "${files[@]}"; do
    [ ! -e "$file.kept" ] || mv "$file.kept" "$file"
  done
}

bug 'no unique index keeps a wallet to one open collection' \
  store/sqlite/00005_subscriptions.sql 's/CREATE UNIQUE INDEX one_open_collection ON/CREATE INDEX one_open_collection ON/' \
  billing/collection.go 's/(case err == nil:\n\t\treturn other, )ErrBusyWallet/$1nil/' \
  billing/topuprun.go 's/w\.standing\.Busy = true/w.standing.Busy = false/'
bug 'what is unknown is asked for again under a new id' \
  billing/collection.go 's/answer, err := s\.find\(ctx, c\)\n\tswitch \{\n\tcase err == nil:/answer, err := payment.Outcome{}, error(payment.ErrNotFound)\n\tswitch {\n\tcase err == nil:/; s/ID: CollectionID\(c\), Customer: c\.PortalID, Account: customer\.Account, Method/ID: fmt.Sprintf("%s.%d", CollectionID(c), c.AskedAt.Sub(c.OpenedAt)), Customer: c.PortalID, Account: customer.Account, Method/'
bug 'a reply that is lost is taken for a decline' \
  billing/collection.go 's/(case err != nil:\n\t\treturn s\.close\(ctx, c, payment\.Outcome\{State: payment\.)Pending\}/$1Declined, Reason: "no_reply"}/'
bug 'the period begins before it is paid' \
  billing/renew.go 's/\tvar do inquiry\n/\tif rolled, err := s.rollFirst(ctx, r, planID); rolled || err != nil {\n\t\treturn err\n\t}\n\tvar do inquiry\n/; s/\z/
func (s *Service) rollFirst(ctx context.Context, r *run, planID int) (bool, error) {
	var w *renewing
	err := s.change(ctx, r.job.PortalID, func(tx *store.Tx, t *trail) error {
		have, err := s.boughtIn(tx, r.job.PortalID)
		if err != nil {
			return err
		}
		if w, err = s.renewing(tx, t, have, planID); w == nil || err != nil {
			return err
		}
		if what, _ := w.facts.Step(w.now, s.catalog.Policy()); what != subscription.Pay || w.row.PaidFrom != "wallet" {
			w = nil
			return nil
		}
		renewed := row(w.plan, w.next, w.row.PaidFrom, nil)
		return w.put(&renewed, planID)
	})
	if w == nil || err != nil {
		return false, err
	}
	return true, r.change(ctx, func(tx *store.Tx, t *trail) error {
		w.tx, w.t = tx, t
		o, err := w.charge()
		if err = errors.Join(err, o.Err); err != nil {
			return err
		}
		w.tellRenewed(o.Receipt.Transfer, "")
		return r.end(tx, s.firstLook(row(w.plan, w.next, w.row.PaidFrom, nil)), "")
	})
}
/'
bug 'a job is done before its effects are' \
  billing/job.go 's/(\tr := &run\{service: s, job: job\}\n)/$1\tif err := s.store.ChangeJobs(ctx, job.PortalID, func(tx *store.Tx) error { return tx.EndJob(s.now(), job, store.JobEnd{}) }); err != nil {\n\t\treturn nil\n\t}\n/' \
  store/job.go 's/(AND fence = \$4)\n\t\t   AND leased = 1`,\n(\t\tj\.PortalID, j\.Kind, j\.Subject, j\.Fence, string\(state\))/$1`,\n$2/'
bug 'who has a job is not looked at' \
  store/job.go 's/AND fence = \$4\n\t\t   AND leased = 1/AND \$4 >= 0/g'
bug 'a late answer undoes what is settled' \
  store/collection.go "s/AND \\(closed_at IS NULL OR state = 'declined' AND \\\$3 = 'settled'\\)/AND 1 = 1/"
bug 'what is collected twice for is settled under another key' \
  billing/settle.go 's/return fmt\.Sprintf\("%scollection:%d", ownKeys, c\.Number\)/return fmt.Sprintf("%scollection:%d:%d", ownKeys, c.Number, c.ClosedAt.UnixMicro())/'
bug 'the caps of a day and a month are forgotten' \
  wallet/topup.go 's/(left := w\.most) - w\.spent\(s, r\.Target\.Currency\(\)\)/$1/; s/free\.After\(wait\.Until\)/free.After(wait.Until) \&\& false/'
bug 'a mail is sent before it is written down that it will be' \
  billing/notice.go 's/\tif !repeats \{\n\t\tnow := s\.now\(\)/\tif false {\n\t\tnow := s.now()/'
bug 'events are done with before they are taken' \
  billing/deliver.go 's/hook\.Position = x\.events\[x\.taken-1\]\.Position/hook.Position = through/'
bug 'a hold is told of by everybody who comes' \
  billing/expire.go 's/if !news \{/if !news \&\& false {/'

echo
echo "$((total - wrong)) of $total found"
[ "$total" -gt 0 ] && [ "$wrong" -eq 0 ]
