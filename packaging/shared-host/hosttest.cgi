#!/bin/sh
# hosttest.cgi: what keeps agentcgi from working on this host, to be read in a
# browser.  Set its mode to 755 (or 705, or 700), look at it, and delete it:
# what it tells is not for everybody.
printf 'Content-Type: text/plain; charset=utf-8\r\n'
printf 'Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n\r\n'

tell() {
	printf '%-7s%s\n' "$1" "$2"
}

tell ok "this host runs CGI programs here"
tell "" "system: $(uname -s) $(uname -m); user: $(id -un 2>/dev/null || id -u)"

case $(uname -s) in
Linux) ;;
*) tell FAILED "the program is for Linux: build it from its source instead" ;;
esac
case $(uname -m) in
x86_64 | amd64) ;;
*) tell FAILED "the program is for x86-64: build it from its source instead" ;;
esac

if ! [ -r agentcgi.cgi ]; then
	tell FAILED "agentcgi.cgi is not beside this file"
	exit 0
fi
[ -x agentcgi.cgi ] ||
	tell FAILED "agentcgi.cgi needs the mode 755 (or 705, or 700)"
# Sets private and fault, and what the program's environment has.
hosttest=yes
. ./agentcgi.cgi

# As from a shell: in a CGI environment it takes no arguments.
program() {
	env -i PATH="$PATH" HOME="$HOME" AGENTCGI_CONFIG="$AGENTCGI_CONFIG" \
		${AWS_SHARED_CREDENTIALS_FILE:+"AWS_SHARED_CREDENTIALS_FILE=$AWS_SHARED_CREDENTIALS_FILE"} \
		"$private/agentcgi" "$@" 2>&1
}

if [ -n "$fault" ]; then
	tell FAILED "$fault"
elif said=$(program --version); then
	tell ok "the program runs"
	if said=$(program -t); then
		tell ok "its configuration can be read and is good"
		echo
		program check
		echo
	else
		tell FAILED "$said"
	fi
else
	tell FAILED "the program does not run: $said"
	tell "" "was it uploaded in binary mode?  It has $(wc -c <agentcgi) bytes."
fi

tell "" "Five lines follow, one each second.  All at once: a web server or a"
tell "" "proxy in between holds answers back; selftest.html tells more."
for i in 1 2 3 4 5; do
	sleep 1
	tell "" "$i"
done
tell "" "Now delete hosttest.cgi."
