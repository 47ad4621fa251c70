#!/usr/bin/env bash
# Breaks the laws of ledger/README.md in the code, one at a time, in a copy of
# what the package needs, and fails unless a test notices each.
#
# usage: ledger/mutate.sh [word]     only mutations with the word in their name
#
# Needs go and perl. A mutation that no longer applies, or does not compile, is an
# error: mend it.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
only=${1:-}
copy=$(mktemp -d "${TMPDIR:-/tmp}/mutate.XXXXXX")
trap 'rm -rf "$copy"' EXIT

cp "$root/go.mod" "$root/go.sum" "$copy/"
mkdir -p "$copy/money" "$copy/ledger"
cp "$root"/money/*.go "$copy/money/"
cp -R "$root/ledger/." "$copy/ledger/"
cd "$copy"

# Compiling is most of the cost; a quarter of a second of random sequences will do.
check() { go test -vet=off -count=1 -timeout=120s ./ledger -failfast -rapid.checks=100 -rapid.shrinktime=1ms -rapid.nofailfile; }

if ! check >out 2>&1; then
  grep -aE '^ *--- FAIL|^FAIL' out >&2 || cat out >&2
  echo "mutate: the tests fail before anything is broken" >&2
  exit 1
fi

total=0 noticed=0 wrong=0
row() { printf '%-4s %-52s %-9s %s\n' "$@"; }
row law mutation outcome 'noticed first by'

# mutation LAW NAME FILE PERL: perl is run on the whole file as one text.
mutation() {
  local law=$1 name=$2 file=ledger/$3 code=$4
  case "$name" in *"$only"*) ;; *) return 0 ;; esac
  total=$((total + 1))
  cp "$file" kept
  perl -0pi -e "$code" "$file"
  if cmp -s kept "$file"; then
    row "$law" "$name" 'ERROR' 'it no longer applies'
    wrong=$((wrong + 1))
  elif ! go build ./ledger >out 2>&1; then
    row "$law" "$name" 'ERROR' "it does not compile: $(sed -n 2p out)"
    wrong=$((wrong + 1))
  elif check >out 2>&1; then
    row "$law" "$name" 'SURVIVED' ''
    wrong=$((wrong + 1))
  else
    row "$law" "$name" 'noticed' "$(grep -a -m1 -oE -e '--- FAIL: [A-Za-z]+' out | cut -d' ' -f3 || echo 'by a panic or the clock')"
    noticed=$((noticed + 1))
  fi
  cp kept "$file"
}

# 1. Equal sides.
mutation 1 'a correction goes the same way' run.go 's/Debit: wrong\.Credit, Credit: wrong\.Debit/Debit: wrong.Debit, Credit: wrong.Credit/'
mutation 1 'from the wallet to the wallet' step.go 's/\(p\.Debit == Wallet\) == \(p\.Credit == Wallet\) \|\| //'
mutation 1 'accounts nobody knows' step.go 's/ \|\| !p\.Debit\.Known\(\) \|\| !p\.Credit\.Known\(\)//'
mutation 1 'a transfer of nought' step.go 's/p\.Amount\.Sign\(\) <= 0/p.Amount.Sign() < 0/'
mutation 1 'audit: money stays in transit' audit.go 's/key\.account == Transit/key.account == Opening/'
# 2. The wallet is its transfers.
mutation 2 'money in is taken out' step.go 's/pocket\.Balance\.Add\(p\.Amount\)/pocket.Balance.Sub(p.Amount)/'
mutation 2 'the balance stated is the amount' step.go 's/Balance: pocket\.Balance, Key:/Balance: p.Amount, Key:/'
mutation 2 'a new pocket takes the first place' step.go 's/Position: int64\(len\(s\.batch\.pockets\[key\]\)\), /Position: 0, /'
mutation 2 'audit: a pocket says what it likes' audit.go 's/p\.balance != p\.pocket\.Balance/false/'
mutation 2 'audit: a transfer states what it likes' audit.go 's/err != nil \|\| balance != t\.Balance/err != nil/'
# 3. Held is the open holds.
mutation 3 'a hold that ends still holds' step.go 's/pocket\.Held\.Sub\(hold\.Amount\)/pocket.Held.Sub(hold.Posted)/'
mutation 3 'a hold holds nothing' run.go 's/pocket\.Held\.Add\(r\.Amount\)/pocket.Held.Add(pocket.Held.Neg())/'
mutation 3 'audit: held says what it likes' audit.go 's/held != p\.pocket\.Held/false/'
# 4. Never below nought.
mutation 4 'a charge is not covered' step.go 's/err = pocket\.mayTake\(p\.Amount\)/err = nil/'
mutation 4 'a hold is not covered' run.go 's/err := pocket\.mayTake\(r\.Amount\); err != nil/err := pocket.mayTake(r.Amount); false \&\& err != nil/'
mutation 4 'what is held is available' pocket.go 's/return p\.Balance\.Sub\(p\.Held\)/return p.Balance, nil/'
mutation 4 'what is held must be available too' step.go 's/if hold == 0 \{/if hold >= 0 {/'
mutation 4 'the credit limit is forgotten' pocket.go 's/p\.CreditLimit(\.Neg\(\))?/money.FromUnits(0, amount.Currency())/'
mutation 4 'the last unit may not be taken' pocket.go 's/order >= 0/order > 0/'
# 5. Nothing is edited.
mutation 5 'numbers have gaps' step.go 's/book\.Last\+\+/book.Last += 2/'
mutation 5 'numbers of holds have gaps' run.go 's/book\.LastHold\+\+/book.LastHold += 2/'
mutation 5 'time runs backwards' step.go 's/book\.LastAt\.After\(s\.at\)/false/'
mutation 5 'a book does not keep its time' step.go 's/book\.LastAt = s\.at/book.LastAt = book.LastAt/'
mutation 5 'more is corrected than is left' run.go 's/order > 0 \|\| left\.Sign\(\) <= 0/left.Sign() <= 0 || order > 1/'
mutation 5 'nothing left is corrected' run.go 's/order > 0 \|\| left\.Sign\(\) <= 0/order > 0/'
mutation 5 'a correction is corrected' run.go 's/wrong\.Corrects != 0/wrong.Corrects < 0/'
mutation 5 'corrections do not add up' run.go 's/known\.Corrected\.Add\(amount\)/known.Corrected.Add(amount.Neg())/'
mutation 5 'a correction names nothing' run.go 's/\}, wrong\.Number, 0\)/}, 0, 0)/'
mutation 5 'audit: numbers have gaps' audit.go 's/t\.Number != expected/expected < 0/'
mutation 5 'audit: numbers of holds have gaps' audit.go 's/h\.Number != a\.holds/false/'
mutation 5 'audit: time runs backwards' audit.go 's/last != nil && t\.At\.Before\(last\.At\)/false/'
mutation 5 'audit: a transfer corrects itself' audit.go 's/t\.Corrects >= t\.Number/t.Corrects > t.Number/'
mutation 5 'audit: the last transfers are gone' audit.go 's/state\.Last != last/state.Last < last/'
mutation 5 'audit: the last holds are gone' audit.go 's/state\.LastHold != a\.holds/state.LastHold < a.holds/'
# 6. One key, one effect.
mutation 6 'other input gets the old answer' batch.go 's/before\.Input != r\.Input/false/'
mutation 6 'the key is forgotten in the batch' batch.go 's/b\.done\[doneKey\{s\.done\.Portal, s\.done\.Key\}\] = &s\.done//'
mutation 6 'the key is not written down' batch.go 's/b\.doings = append\(b\.doings, s\.done\)//'
mutation 6 'the answer is kept without its time' batch.go 's/Input: r\.Input, Answer: answer,/Input: r.Input, Answer: Answer{Main: answer.Main, AI: answer.AI, Hold: answer.Hold, Amount: answer.Amount, Available: answer.Available, ExpiresAt: answer.ExpiresAt},/'
mutation 6 'a refusal keeps its key' batch.go 's/\t\treturn Result\{Err: err\}/\t\tb.done[doneKey{r.Portal, r.Key}] = &Done{Input: r.Input}\n\t\treturn Result{Err: err}/'
mutation 6 'a replay does not say so' batch.go 's/, Replay: true\}/}/'
mutation 6 'inputs run together' request.go 's/\t\th\.Write\(length\[:\]\)\n//'
# 7. A hold ends once.
mutation 7 'a closed hold is completed' step.go 's/if hold\.State != HoldOpen \{\n(\t+return nil, &HoldClosedError)/if hold.State == "" {\n$1/'
mutation 7 'more is completed than was held' run.go 's/order > 0 \{(\n[^\n]*ErrOverHold)/order > 1 {$1/'
mutation 7 'a hold lasts a microsecond longer' step.go 's/ExpiresAt\.After\(s\.at\)/ExpiresAt.Add(1000).After(s.at)/'
mutation 7 'a hold lasts a microsecond less' step.go 's/ExpiresAt\.After\(s\.at\)/ExpiresAt.After(s.at.Add(1000))/'
mutation 7 'a hold that ends stays open' step.go 's/hold\.State, hold\.ClosedAt = state, s\.at/hold.ClosedAt = s.at/'
mutation 7 'what was posted is forgotten' run.go 's/hold\.Posted, hold\.Transfer = amount, transfer\.Number/hold.Transfer = transfer.Number/'
mutation 7 'a hold is extended from now' run.go 's/hold\.ExpiresAt\.Add\(e\.For\)/s.at.Add(e.For)/'
mutation 7 'audit: more was posted than held' audit.go 's/err != nil \|\| order > 0/err != nil || order > 1/'
# 8. A refused request changes nothing.
mutation 8 'a step works on the holds themselves' step.go 's/hold := known\.value\n\ts\.holds = append\(s\.holds, &hold\)\n\treturn &hold, nil/hold := \&known.value\n\ts.holds = append(s.holds, hold)\n\treturn hold, nil/'
mutation 8 'a step works on the pockets themselves' step.go 's/pocket = known\.value\n/s.pockets = append(s.pockets, \&known.value)\n\t\treturn \&known.value\n/'
mutation 8 'a refused step moves the clock' step.go 's/(s\.books = append\(s\.books, &book\))/$1\n\tknown.value.LastAt = s.at/'
mutation 8 'a refused step is taken' batch.go 's/\t\treturn Result\{Err: err\}/\t\tb.take(s)\n\t\treturn Result{Err: err}/'
mutation 8 'a panic goes through' batch.go 's/cause := recover\(\); cause != nil/cause := any(nil); cause != nil/'
# 9. Exact.
mutation 9 'a balance wraps' step.go 's/pocket\.Balance\.Add\(p\.Amount\)/money.FromUnits(pocket.Balance.Units()+p.Amount.Units(), pocket.Currency()), nil/'
mutation 9 'what is held wraps' run.go 's/pocket\.Held\.Add\(r\.Amount\)/money.FromUnits(pocket.Held.Units()+r.Amount.Units(), pocket.Currency()), error(nil)/'
mutation 9 'a time in nanoseconds' batch.go 's/now\.UTC\(\)\.Truncate\(time\.Microsecond\)/now.UTC()/'
# 10. Sealed.
mutation 10 'a seal does not know the one before' seal.go 's/s\.hash\.Write\(s\.Before\[:\]\)//'
mutation 10 'the next seal does not know this one' seal.go 's/\*s = Sealer\{Before: made\.Hash\}/*s = Sealer{}/'
mutation 10 'the participant is not sealed' seal.go 's/text\(t\.Participant\)//'
mutation 10 'what it corrects is not sealed' seal.go 's/number\(t\.Corrects\)//'
mutation 10 'texts run together' seal.go 's/b = binary\.AppendUvarint\(b, uint64\(len\(s\)\)\)//'
mutation 10 'audit: any hash will do' audit.go 's/made\.Hash != seal\.Hash/false/'
mutation 10 'audit: any marks will do' audit.go 's/!bytes\.Equal\(seal\.Marks\[at:at\+markSize\], sealer\.marks\[at:\]\)/!bytes.Equal(nil, nil)/'
mutation 10 'audit: a seal is missing' audit.go 's/t\.Number != seal\.First/t.Number < seal.First - 1000/'
mutation 10 'audit: what was sealed is gone' audit.go 's/if len\(a\.seals\[book\]\) > 0/if len(a.seals[book]) > 1000/'
# 11. Noticed.
mutation 11 'nobody notices' batch.go 's/e\.Low = append\(e\.Low, pocket\.value\)//'
mutation 11 'the floor itself is below it' pocket.go 's/order < 0/order <= 0/'
mutation 11 'the least below is not' pocket.go 's/order < 0/order < -1/'
mutation 11 'who is below is told again' batch.go 's/!began\.Below\(\)/true || began.Below()/'
mutation 11 'who rises is told' batch.go 's/!pocket\.value\.Below\(\)/pocket.value.Below()/'
mutation 11 'what is held is above the floor' pocket.go 's/available, err := p\.Available\(\)\n\tif err != nil \{\n\t\treturn false/available, err := p.Balance, error(nil)\n\tif err != nil {\n\t\treturn false/'
mutation 11 'nought is no floor' pocket.go 's/p\.Floor\.IsZero\(\)/p.Floor.Sign() == 0/'
mutation 11 'what expired was held' batch.go 's/(over := )hold/$1false \&\& hold/'
mutation 11 'what was let go was not held' batch.go 's/hold\.value\.State == HoldExpired/hold.value.State != HoldOpen/'
mutation 11 'what expired of others was held here' batch.go 's/ \&\& hold\.was\.Portal == p\.Portal//'
mutation 11 'a step moves the floor' step.go 's/pocket = known\.value\n/pocket = known.value\n\t\tpocket.Floor = pocket.Floor.Neg()\n/'

echo
echo "$noticed of $total noticed"
[ "$total" -gt 0 ] && [ "$wrong" -eq 0 ]
