#!/bin/sh
# A tour of what Bursar does for people with many portals. It starts two demonstrations
# on this machine, one low on money and one whose payer is gone, names a third portal
# that is down, runs each command, and prints README.md: what is run, and what comes of
# it, with times, ports and drawn names made the same each time.
#
#   docs/tour/tour.sh > docs/tour/README.md      # with bursar on the PATH
#
# Nothing is left behind, and no money moves: the sandbox collects from nobody.
set -eu

here=$(mktemp -d "${TMPDIR:-/tmp}/bursar-tour.XXXXXX")
servers=
finish() {
	for pid in $servers; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	rm -rf "$here"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

cd "$here"
HOME=$here/home XDG_CONFIG_HOME=$here/home/config XDG_STATE_HOME=$here/home/state XDG_CACHE_HOME=$here/home/cache
XDG_DATA_HOME=$here/home/data DEMO_KEY=sk-of-the-demonstration NO_COLOR=1 LC_ALL=C
export HOME XDG_CONFIG_HOME XDG_STATE_HOME XDG_CACHE_HOME XDG_DATA_HOME DEMO_KEY NO_COLOR LC_ALL
unset DOCSPACE_URL DOCSPACE_API_KEY BURSAR_PROFILES BURSAR_DATA BURSAR_DATABASE BURSAR_URL BURSAR_OPERATOR_KEY || true
mkdir -p "$HOME"

# serve NAME starts a demonstration of that name, and waits for its address: $address.
serve() {
	: >"$here/$1.out"
	bursar demo --listen 127.0.0.1:0 --api-key "$DEMO_KEY" --data "$here/data/$1" >"$here/$1.out" 2>"$here/$1.err" &
	servers="$servers $!"
	tries=0
	until grep -q '^Ctrl-C ends it' "$here/$1.out"; do
		tries=$((tries + 1))
		if [ $tries -gt 120 ]; then
			cat "$here/$1.err" >&2
			exit 1
		fi
		sleep 1
	done
	address=$(sed -n 's,^Portal  *\(http://[0-9.:]*\).*,\1,p' "$here/$1.out" | sed -n 1p)
}

# same makes the same each time what differs from one run to the next, at the same width:
# addresses, times, drawn names, and what the rest of a month is worth (10.39 to 11.50),
# alone, taken from 40.00 or 90.00, or added to 108.50.
same() {
	sed -E \
		-e "s,${acme#http://},127.0.0.1:PORT1,g" -e "s,${beta#http://},127.0.0.1:PORT2,g" -e "s,$here,/tmp/tour,g" \
		-e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})/YYYY-MM-DDThh:mm:ssZ/g' \
		-e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}/YYYY-MM-DD/g' -e 's/[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?/hh:mm:ss/g' \
		-e 's/ [0-9]{2}:[0-9]{2} UTC/ hh:mm UTC/g' -e 's/in 2[0-9] days/in 23 days/g' \
		-e 's/[0-9]+(\.[0-9]+)?(ms|µs|us) */SOME ms/g' \
		-e 's/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx/g' \
		-e 's/manifest-[0-9a-f]{32}/manifest-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx/g' \
		-e 's/(^|[^0-9])(1[01]|2[89]|7[89])\.[0-9]{2}($|[^0-9])/\1NN.NN\3/g' -e 's/(^|[^0-9])(11[89]|120)\.[0-9]{2}($|[^0-9])/\1NNN.NN\3/g' -e 's/ +$//'
}

# tell prints a part of the text.
tell() { printf '%s\n\n' "$1"; }

# run prints a line for the shell, and what comes of it; what a command tells on standard
# error is shown, too, and a status that is not 0.
run() {
	status=0
	sh -c "$1" >"$here/.run" 2>&1 || status=$?
	printf '```console\n$ %s\n' "$1"
	same <"$here/.run"
	if [ $status -ne 0 ]; then
		printf '(exit status %d)\n' "$status"
	fi
	printf '```\n\n'
}

# can asks whether this bursar has a command.
can() { bursar "$@" --help >"$here/.help" 2>&1 && grep -q "bursar $*" "$here/.help"; }

serve acme
acme=$address
serve beta
beta=$address
bursar customer set --data "$here/data/acme" --no-top-up --balance USD=40 >/dev/null
bursar customer set --data "$here/data/beta" --email gone@example.com >/dev/null

tell '# A tour

What Bursar does for people with more than one portal, by example. Three portals are called by their names: **acme**
has little money left and nothing that refills its wallet, **beta** belongs to a customer whose user was deleted, and
**down** does not answer. The first two are demonstrations on this machine, the third an address where nobody
listens. All that is shown was printed by [`tour.sh`](tour.sh), and a test compares: times, ports and drawn names are
made the same each time.'

if can profile add; then
	tell '## Names for portals

A profile is a name for a portal, with the place of its key: the keyring, a command, a file or a variable.'
	run "bursar profile add acme --portal $acme --group live --key-from-variable DEMO_KEY" | same
	run "bursar profile add beta --portal $beta --group live --key-from-variable DEMO_KEY" | same
	run 'bursar profile add down --portal http://127.0.0.1:9 --key-from-variable DEMO_KEY --no-test'
	run 'bursar profile list'
	run 'bursar profile test'
fi

if can doctor; then
	tell '## What is wrong with access to a portal'
	run 'bursar doctor --portal beta'
fi

tell '## All portals at once'
run 'bursar report --all'
run 'bursar report --portal acme --only balance,topup'

if can check; then
	tell '## For cron and monitors

A line for each problem, and the exit statuses of Nagios.'
	run 'bursar check --all --min-balance USD=50 --require-topup'
	run 'bursar check --portal acme --min-balance USD=50 -o nagios'
fi

if bursar report --help 2>&1 | grep -q html; then
	tell '## For the finance department

One file that stands by itself, to print or to mail.'
	run 'bursar report --portal acme -o html > billing.html; grep -c "<svg" billing.html'
fi

if can exporter; then
	tell '## For Prometheus'
	run 'bursar exporter --all --once 2>/dev/null | grep "^docspace_wallet_balance\|^docspace_up{"'
fi

if can watch; then
	tell '## On a screen, or in lines'
	run 'bursar watch --all --once --parallel 1'
fi

if bursar deposit --help 2>&1 | grep -q -e --status; then
	tell '## A deposit that happens once

What is to happen is written down before it is sent; the same key again does nothing twice, on any portal.'
	run 'bursar deposit --portal acme --amount USD=50 --yes --idempotency-key june'
	run 'bursar deposit --portal acme --amount USD=50 --yes --idempotency-key june'
	run 'bursar deposit --status'
fi

if can manifest diff; then
	tell '## Billing as code

One file says how the billing of portals is to be: [more of it](../manifest.md).'
	cat >bursar.yaml <<'MANIFEST'
version: 1
defaults:
  topup_rule: {min: 20, up_to: 100, currency: USD}
portals:
  acme:
    quantities: {storage: 200}
  beta:
    quantities: {storage: 0}
MANIFEST
	run 'cat bursar.yaml'
	run 'bursar manifest drift bursar.yaml'
	run 'bursar manifest diff bursar.yaml'
	run 'bursar manifest apply bursar.yaml --yes --max-cost USD=5'
	run 'bursar manifest apply bursar.yaml --yes --max-cost USD=20'
	run 'bursar manifest drift bursar.yaml --portal acme && echo "All is as it should be."'
fi

if can export operations; then
	tell '## What happened, as a file'
	run 'bursar export operations --portal acme -o csv'
	run 'bursar export operations --portal acme -o focus --file focus.csv && head -n 1 focus.csv'
fi

if can reconcile; then
	tell '## Does it add up?'
	run 'bursar reconcile --portal acme'
fi

if can mcp; then
	tell '## For an assistant

`bursar mcp` speaks the Model Context Protocol: one JSON value a line.'
	cat >questions.json <<'MCP'
{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"tour","version":"1"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}
{"jsonrpc":"2.0","id":2,"method":"tools/list"}
MCP
	: >answers.json
	run '(cat questions.json; for n in $(seq 60); do grep -q tools answers.json || sleep 1; done) | bursar mcp --all > answers.json'
	run 'grep -o "\"name\":\"[a-z_]*\"" answers.json | sort -u'
fi
