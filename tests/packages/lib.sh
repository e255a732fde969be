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

. tests/packages/tap.sh

# shellcheck disable=SC2034 # for the tests
version=$(cat VERSION)
scratch=$(mktemp -d -t agentcgi-packages.XXXXXX) || exit
undo=()

# at_end COMMAND: to be done, last one first, however the test ends.  Not within
# check or must, which run what they test in a shell of its own.
at_end() {
	undo+=("$1")
}

clean_up() {
	local i
	for ((i = ${#undo[@]} - 1; i >= 0; i--)); do
		eval "${undo[i]}"
	done
	wait
	# What an interruption left, the innermost first.
	awk -v below="$scratch/" 'index($2, below) == 1 { print $2 }' \
		/proc/mounts | sort -r | while read -r dir; do umount "$dir"; done
	rm -rf --one-file-system "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# made TARGET PRODUCT: make TARGET, unless PRODUCT is newer than all that is
# packaged.
made() {
	local newer
	newer=$(find Makefile ./*.md VERSION LICENSE src conf htdocs man docs \
		packaging -newer "$2" -print -quit 2>&1)
	[ -z "$newer" ] || make --no-print-directory "$1"
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
	# The same with the web servers that there are packaged snippets for.
	servers)
		echo $all,systemd,systemd-sysv,dbus,apache2,lighttpd,nginx-light
		;;
	# The same, to install RPM packages in.
	rpm)
		echo $all,systemd,systemd-sysv,dbus,apache2,nginx-light,rpm
		;;
	# As old as shared hosts are: glibc 2.31.
	bullseye)
		echo $all,apache2,apache2-suexec-pristine,libapache2-mod-php
		;;
	esac
}

# root_mirror NAME: where its packages come from, if not from where mmdebstrap
# has them.  What is old has no complete security archive any more: then only
# from where this machine has Debian's packages.
root_mirror() {
	# shellcheck disable=SC2016 # these are apt's
	[ "$1" != bullseye ] ||
		apt-get indextargets 'Created-By: Packages' 'Origin: Debian' \
			'Release: bookworm' --format 'deb $(REPO_URI) bullseye main' |
		sort -u | head -n 1
}

# make_root NAME: build/roots/NAME.tar, if it is not there or made of other
# packages.  Its package lists stay, so that apt can install more.
make_root() {
	local name=$1 suite packages mirror tar=build/roots/$1.tar
	suite=$(root_suite "$name")
	packages=$(root_packages "$name")
	mirror=$(root_mirror "$name")
	mkdir -p build/roots
	[ "$(cat "$tar.of" 2>/dev/null)" = "$suite $packages" ] && [ -e "$tar" ] &&
		return
	rm -f "$tar.of"
	mmdebstrap --quiet --variant=minbase --skip=cleanup/apt/lists \
		--format=tar --include="$packages" "$suite" "$tar.$$" \
		${mirror:+"$mirror"} &&
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

# contain COMMAND...: systemd-nspawn, for so long and no longer; whoever ends
# us, in the background, ends it.
contain() {
	local pid
	# timeout is a process group of its own, and so is not told by others.
	timeout -k 10 "${CONTAINER_SECONDS:-300}" "${nspawn[@]}" "$@" &
	pid=$!
	trap 'kill $pid; wait $pid; exit 130' TERM INT HUP
	wait "$pid"
}

# in_container DIRECTORY COMMAND...: run in it, without its init.  In the
# background, with an at_end that kills it; so is boot.
in_container() {
	local dir=$1
	shift
	contain --directory="$dir" --as-pid2 --pipe "$@" </dev/null
}

# boot DIRECTORY SCRIPT: boot it with systemd, run SCRIPT, a file in it, as
# root, print what it says, and power off.  Fails if the script does.  What is
# of the test alone is below /opt/test.
boot() {
	local dir=$1 script=$2
	mkdir -p "$dir/opt/test"
	cat >"$dir/etc/systemd/system/agentcgi-test.service" <<END
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/bash $script
StandardOutput=file:/opt/test/out
StandardError=file:/opt/test/err
ExecStopPost=/bin/sh -c 'echo \$EXIT_STATUS >/opt/test/status'
ExecStopPost=/bin/systemctl poweroff --force
END
	# Not wanted by the target it comes after: a target waits for what it wants.
	mkdir -p "$dir/etc/systemd/system/default.target.wants"
	ln -sf ../agentcgi-test.service \
		"$dir/etc/systemd/system/default.target.wants/agentcgi-test.service"
	rm -f "$dir"/opt/test/{out,err,status}
	contain --directory="$dir" --boot --console=pipe \
		</dev/null >"$dir/opt/test/boot.log" 2>&1
	cat "$dir/opt/test/out"
	[ "$(cat "$dir/opt/test/status" 2>/dev/null)" = 0 ] || {
		sed 's/^/stderr: /' "$dir/opt/test/err"
		tail -n 20 "$dir/opt/test/boot.log"
		return 1
	}
}

# inside PID: the first of its descendants that is in another network, which
# is the container that it runs.
inside() {
	local pid=$1
	while [ -n "$pid" ] && [ "$(readlink "/proc/$pid/ns/net")" = \
		"$(readlink /proc/self/ns/net)" ]; do
		pid=$(ps -o pid= --ppid "$pid" | head -n 1 | tr -d ' ')
	done
	[ -n "$pid" ] && echo "$pid"
}
