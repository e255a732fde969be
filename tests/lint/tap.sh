# shellcheck shell=bash
# tap: what the lints share.  Sourced; leaves the shell at the root.
set -u
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit

tests=0
failures=0

# check WHAT COMMAND...: a test that passes if the command succeeds and has
# nothing to say.
check() {
	local what=$1 said status
	shift
	said=$("$@" 2>&1)
	status=$?
	tests=$((tests + 1))
	if [ $status -eq 0 ] && [ -z "$said" ]; then
		echo "ok $tests - $what"
		return
	fi
	failures=$((failures + 1))
	printf '%s\n' "${said:-exit status $status}" | sed 's/^/# /'
	echo "not ok $tests - $what"
}

# To be called last.
plan() {
	echo "1..$tests"
	exit $((failures > 0))
}

# Every file that is, or is about to be, part of the project, and matches a
# pattern; in an unpacked tarball, every file that nothing has made.
files() {
	if [ -e .git ]; then
		git ls-files --cached --others --exclude-standard -- "$@"
	else
		for pattern in "${@:-*}"; do
			find . -name build -prune -o -name node_modules -prune \
				-o -type f -path "./$pattern" -printf '%P\n'
		done
	fi | sort | while IFS= read -r file; do
		[ -f "$file" ] && printf '%s\n' "$file"
	done
}
