# shellcheck shell=bash
# lib: what the tests of the installed package share.  Sourced.
set -eu
export LC_ALL=C.UTF-8
PATH=$PATH:/usr/sbin

# Our own directory, because web servers must be able to look into it.
tmp=$(mktemp -d)
chmod 755 "$tmp"
pids=()
undo=()

clean_up() {
	local status=$? i
	[ "$status" -eq 0 ] || tail -n 30 "$tmp"/*.log 2>/dev/null || true
	[ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
	wait
	for ((i = ${#undo[@]} - 1; i >= 0; i--)); do
		eval "${undo[i]}" || true
	done
	rm -rf "$tmp"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

fail() {
	echo "FAILED: $*"
	exit 1
}

# start NAME COMMAND...: beside us; what it says is in NAME.log.
start() {
	"${@:2}" >"$tmp/$1.log" 2>&1 </dev/null &
	pids+=($!)
}

# until_true COMMAND...: poll for ten seconds until it succeeds.
until_true() {
	local i
	for ((i = 0; i < 100; i++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
	fail "in vain: $*"
}

# says PATTERN COMMAND...: whether a line of what the command says matches.
says() {
	local said
	said=$("${@:2}" 2>&1) || true
	grep -qE "$1" <<<"$said" ||
		fail "${*:2}: no line matches $1:"$'\n'"$said"
	echo "ok: ${*:2}: $1"
}

# For an agent that nobody asks, unless ENDPOINT says where.
write_conf() {
	cat >"$tmp/agentcgi.conf" <<END
[agent default]
arn = arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/demo-abcdefghij
${1:+endpoint = $1}
END
	chmod 644 "$tmp/agentcgi.conf"
}
