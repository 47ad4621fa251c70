#!/bin/sh
# Plants bugs in the deposit engine, one at a time and in a copy, and has the worlds
# find them. The name of a bug that survives is printed, and the status is 1.
set -eu
cd "$(dirname "$0")/../.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0
plant() { # name, file, sed script, flags
	sed -E "$3" "docspace/$2" > "$dir/$2"
	if cmp -s "docspace/$2" "$dir/$2"; then
		echo "$1: was not planted"
		status=1
		return
	fi
	printf '{"Replace":{"%s/docspace/%s":"%s/%s"}}' "$PWD" "$2" "$dir" "$2" > "$dir/overlay.json"
	if ! go build -overlay "$dir/overlay.json" -o "$dir/deposits" ./bench/deposits; then
		echo "$1: is no program"
		status=1
	else
		broken=$("$dir/deposits" -runs "${RUNS:-3000}" ${4:-} | sed -n 's/^laws broken *//p')
		case $broken in
		"") echo "$1: did not run to its end"; status=1 ;;
		0) echo "$1: survived"; status=1 ;;
		*) echo "$1: found, $broken laws broken" ;;
		esac
	fi
}
plant "sends again at once" depositfind.go 's/w\.at\.since\(intent\.Since\) < d\.settle\(\)/false/; s/w\.at\.since\(intent\.Clear\) < d\.apart\(\)/false/'
plant "has no picture before" depositwallet.go 's/picture\.Seen\[r\.id\]\+\+/_ = r/'
plant "takes automatic top-ups for its own" depositwallet.go 's/ \&\& !r\.Automatic\(\)//'
plant "takes every error for a refusal" depositor.go 's/return failure != nil .*/return failure != nil/; s/^\t\tfailure\.Status != http\.StatusRequestTimeout.*/\t\t\&\& http.StatusOK > 0/; s/return failure != nil$/return failure != nil \&\& http.StatusOK > 0/; /^\t\t\&\& http\.StatusOK > 0$/d'
plant "takes false for a decline everywhere" depositor.go 's/case err == nil \&\& intent\.Before\.Keyed:/case err == nil:/'
plant "does not note that it is sent" depositor.go 's/\[\]DepositState\{DepositPlanned, DepositSent\}/[]DepositState{DepositPlanned}/'
plant "forgets earlier deposits of the amount" depositor.go 's/picture\.Owed = append.*/_ = other/'
plant "sends while another of the amount is open" depositor.go 's/if other\.State\.open\(\) \{/if false {/'
plant "takes a second refusal for the first" depositor.go 's/case !again \&\& refused\(failure\):/case refused(failure):/'
plant "always believes to be alone" depositfind.go 's/d\.Alone \&\& //g'
plant "takes every portal for one that keeps keys" depositfind.go 's/if intent\.Before\.Keyed \&\& w\.keyed \{/if true {/'
plant "does not add the balance up" depositfind.go 's/!intent\.Before\.addsUp\(w\.balance, fresh\)/len(fresh) < 0/' "-lagging 40"
exit $status
