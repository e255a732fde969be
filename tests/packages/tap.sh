# shellcheck shell=bash
# tap: tests as TAP (https://testanything.org).  Sourced, by lib.sh and by
# what runs in a container.
tests=0
failures=0

# check WHAT COMMAND...: a test that passes if the command succeeds; what it
# says is shown if it does not.
check() {
	local what=$1 said
	shift
	tests=$((tests + 1))
	if said=$("$@" 2>&1); then
		echo "ok $tests - $what"
		return 0
	fi
	failures=$((failures + 1))
	printf '%s\n' "${said:-it said nothing}" | tail -n 60 | sed 's/^/# /'
	echo "not ok $tests - $what"
	return 1
}

# must WHAT COMMAND...: the same, but without it there is no going on.
must() {
	check "$@" || plan
}

# note TEXT: for whoever reads the log.
note() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

# To be called last.
plan() {
	echo "1..$tests"
	exit $((failures > 0))
}

# until_true SECONDS COMMAND...: poll until it succeeds.
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# does_stream SELFTEST...: whether a self-test says so; once more if not, as a
# busy machine looks the same.
does_stream() {
	"$@" || "$@"
}

# absorb FILE: the tests that another script has printed there, as ours.
absorb() {
	local line seen=0 planned=
	while IFS= read -r line; do
		case $line in
		'ok '*)
			tests=$((tests + 1)) seen=$((seen + 1))
			echo "ok $tests - ${line#ok * - }"
			;;
		'not ok '*)
			tests=$((tests + 1)) seen=$((seen + 1))
			failures=$((failures + 1))
			echo "not ok $tests - ${line#not ok * - }"
			;;
		1..*) planned=${line#1..} ;;
		*) printf '# %s\n' "${line#\# }" ;;
		esac
	done <"$1"
	check "all of them ran" test "$seen" = "$planned"
}
