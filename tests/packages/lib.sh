# shellcheck shell=bash
# lib: what the tests of packages share: TAP, roots, containers.  Sourced;
# leaves the shell at the root of the project.
#
# These tests need root: they make root directories with mmdebstrap, once,
# and keep them as build/roots/NAME.tar; each test unpacks its own copy.  A
# container (systemd-nspawn) has a network of its own, with nothing in it but
# loopback, so that ports are free and two runs do not meet.
set -u
export LC_ALL=C.UTF-8
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# A make above us is none of ours: what we call starts its own.
unset MAKEFLAGS MAKELEVEL MFLAGS

[ "$(id -u)" -eq 0 ] || {
	echo "Bail out! needs root, for root directories and containers"
	exit 1
}

# shellcheck disable=SC2034 # for the tests
version=$(cat VERSION)
tests=0
failures=0
scratch=$(mktemp -d -t agentcgi-packages.XXXXXX) || exit
undo=()

# at_end COMMAND: to be done, last one first, however the test ends.
at_end() {
	undo+=("$1")
}

clean_up() {
	local i
	for ((i = ${#undo[@]} - 1; i >= 0; i--)); do
		eval "${undo[i]}"
	done
	rm -rf --one-file-system "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

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

# ---- roots ----

# What is in the root NAME: its suite and its packages, and the same that all
# have.
root_suite() {
	case $1 in
	bullseye) echo bullseye ;;
	*) echo bookworm ;;
	esac
}

root_packages() {
	local all=ca-certificates,procps,curl,iproute2
	case $1 in
	# As a server is on its first day.
	bookworm) echo $all,systemd,systemd-sysv,dbus ;;
	# The oldest Debian that still gets security updates: glibc 2.31.
	bullseye)
		echo $all,apache2,apache2-suexec-pristine,libapache2-mod-php
		;;
	esac
}

# make_root NAME: build/roots/NAME.tar, if it is not there or made of other
# packages.  Its package lists stay, so that apt can install more.
make_root() {
	local name=$1 suite packages tar=build/roots/$1.tar
	suite=$(root_suite "$name")
	packages=$(root_packages "$name")
	mkdir -p build/roots
	[ "$(cat "$tar.of" 2>/dev/null)" = "$suite $packages" ] && [ -e "$tar" ] &&
		return
	rm -f "$tar.of"
	mmdebstrap --quiet --variant=minbase --skip=cleanup/apt/lists \
		--format=tar --include="$packages" "$suite" "$tar.$$" &&
		mv "$tar.$$" "$tar" && echo "$suite $packages" >"$tar.of"
}

# unpack_root NAME DIRECTORY: a copy of it.
unpack_root() {
	make_root "$1" && mkdir -p "$2" && tar -C "$2" -xf "build/roots/$1.tar" &&
		cp -L /etc/resolv.conf "$2/etc/resolv.conf"
}

# in_root DIRECTORY COMMAND...: run in it, with the network of this machine:
# to install packages.  Nothing is started by that.
in_root() {
	local dir=$1
	shift
	printf '#!/bin/sh\nexit 101\n' >"$dir/usr/sbin/policy-rc.d"
	chmod 755 "$dir/usr/sbin/policy-rc.d"
	mount -t proc proc "$dir/proc" &&
		DEBIAN_FRONTEND=noninteractive chroot "$dir" "$@" </dev/null
	local status=$?
	umount "$dir/proc"
	rm -f "$dir/usr/sbin/policy-rc.d"
	return $status
}

# ---- containers ----

nspawn=(systemd-nspawn --quiet --register=no --keep-unit --private-network
	--resolv-conf=off --timezone=off)

# in_container DIRECTORY COMMAND...: run in it, without its init.
in_container() {
	local dir=$1
	shift
	timeout -k 10 "${CONTAINER_SECONDS:-300}" \
		"${nspawn[@]}" --directory="$dir" --as-pid2 --pipe "$@" </dev/null
}

# boot DIRECTORY SCRIPT: boot it with systemd, run SCRIPT, a file in it, as
# root, print what it says, and power off.  Fails if the script does.
boot() {
	local dir=$1 script=$2
	cat >"$dir/etc/systemd/system/agentcgi-test.service" <<END
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/bash $script
StandardOutput=file:/var/tmp/test.out
StandardError=file:/var/tmp/test.err
ExecStopPost=/bin/sh -c 'echo \$EXIT_STATUS >/var/tmp/test.status'
ExecStopPost=/bin/systemctl poweroff --force
END
	# Not wanted by the target it comes after: a target waits for what it wants.
	mkdir -p "$dir/etc/systemd/system/default.target.wants"
	ln -sf ../agentcgi-test.service \
		"$dir/etc/systemd/system/default.target.wants/agentcgi-test.service"
	rm -f "$dir/var/tmp/test.status"
	timeout -k 10 "${CONTAINER_SECONDS:-300}" \
		"${nspawn[@]}" --directory="$dir" --boot --console=pipe \
		</dev/null >"$dir/var/tmp/boot.log" 2>&1
	cat "$dir/var/tmp/test.out"
	[ "$(cat "$dir/var/tmp/test.status" 2>/dev/null)" = 0 ] || {
		sed 's/^/stderr: /' "$dir/var/tmp/test.err"
		tail -n 20 "$dir/var/tmp/boot.log"
		return 1
	}
}
