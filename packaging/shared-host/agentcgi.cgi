#!/bin/sh
# agentcgi.cgi: starts agentcgi on a shared host.  This is all of it that is
# below the document root: the program, its settings and AWS's keys are in the
# folder agentcgi beside the document root, where no browser can get at them.
#
# If that folder is elsewhere, write its path here, /home/USER/agentcgi or so:
private=

# What the program is not to be told by the web server.  A host with suexec
# takes away whatever SetEnv might say, and HOME as well, so it is said here.
find_private() {
	[ -z "$private" ] || return
	for private in "${DOCUMENT_ROOT:-.}/../agentcgi" \
		"${CONTEXT_DOCUMENT_ROOT:-.}/../agentcgi" \
		../../agentcgi ../agentcgi; do
		[ -f "$private/agentcgi" ] || continue
		# Not another customer's, unless all run as one user here.
		[ -O "$private" ] || ! [ -O "$0" ] && return
	done
	private=
}

fault=
find_private
if [ -z "$private" ] || ! [ -f "$private/agentcgi" ]; then
	fault="its folder, agentcgi, is not beside the document root"
elif ! [ -x "$private/agentcgi" ]; then
	fault="the program in its folder needs the mode 755 (or 705, or 700)"
elif [ -e "$private/agentcgi.cgi" ]; then
	fault="its two folders are one: keys do not belong where browsers look"
elif cd -P "$private"; then
	private=$PWD
	HOME=${private%/*}
	AGENTCGI_CONFIG=$private/agentcgi.conf
	export HOME AGENTCGI_CONFIG
	if [ -e "$private/credentials" ]; then
		AWS_SHARED_CREDENTIALS_FILE=$private/credentials
		export AWS_SHARED_CREDENTIALS_FILE
	fi
else
	fault="its folder needs the mode 755 (or 705, or 700)"
fi

# hosttest.cgi wants to know no more.
[ -z "${hosttest:-}" ] || return 0

if [ -n "$fault" ]; then
	printf 'Status: 503 Service Unavailable\r\n'
	printf 'Content-Type: text/plain; charset=utf-8\r\n'
	printf 'Cache-Control: no-store\r\n\r\n'
	echo "agentcgi is not set up: $fault.  INSTALL.txt tells more."
	exit 0
fi
# Never with "$@": Apache makes arguments of a query without a =.
exec "$private/agentcgi"
