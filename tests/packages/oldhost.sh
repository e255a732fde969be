#!/bin/bash
# oldhost.sh: what happens in the container of oldhost_test: a customer of a
# shared host, taro, follows INSTALL.txt.  Prints TAP.
#
# Apache runs his CGI programs by suexec, on the addresses of mod_userdir.
# Besides, sites of one user for all: on port 8082 with PHP only, on 8083 with
# CGI only; and a demo agent behind TLS on 8443, at a name that only /etc/hosts
# has.
set -u
export LC_ALL=C.UTF-8
cd /opt/test || exit
. ./tap.sh

arn=arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/demo-abcdefghij
key=AKIDDEMO00000000DEMO
secret=demo-secret-key-not-for-aws
release=$(echo /opt/test/agentcgi-*-linux-x86_64)
program=$release/beside-document-root/agentcgi/agentcgi
here=http://127.0.0.1
taro=$here/~taro/agentcgi
public=$(getent passwd taro | cut -d: -f6)/public_html
home=${public%/*}

# ---- the host ----

write_ports() {
	cat <<'END'
ServerName oldhost.test
Listen 127.0.0.1:80
Listen 127.0.0.1:8082
Listen 127.0.0.1:8083
Listen 127.0.0.1:8443
END
}

# The customers' sites, and what the host allows them in .htaccess.
write_site() {
	cat <<END
UserDir public_html
UserDir disabled root
<Directory "$home/public_html">
	AllowOverride All
	Require all granted
</Directory>
# A stricter host: programs run, and Options in .htaccess are an error.
<Directory "${home%/*}/hanako/public_html">
	AllowOverride FileInfo AuthConfig
	Options +ExecCGI
	Require all granted
</Directory>
<Directory "/srv/site/public_html">
	AllowOverride All
	Require all granted
</Directory>
<VirtualHost *:80>
	DocumentRoot /var/www/html
</VirtualHost>
<VirtualHost *:8082>
	DocumentRoot /srv/site/public_html
</VirtualHost>
<VirtualHost *:8083>
	DocumentRoot /srv/site/public_html
</VirtualHost>
<VirtualHost *:8443>
	SSLEngine on
	SSLCertificateFile /opt/test/cert.pem
	SSLCertificateKeyFile /opt/test/key.pem
	AllowEncodedSlashes NoDecode
	ProxyPass "/runtimes/" "unix:/run/demo.sock|fcgi://demo/runtimes/" flushpackets=on
	<Location "/runtimes/">
		CGIPassAuth On
	</Location>
</VirtualHost>
END
}

start_host() {
	mkdir -p /run/lock
	# Else apachectl leaves it to systemd, which is not there.
	export APACHE_STARTED_BY_SYSTEMD=yes
	echo "127.0.0.1 agent.test" >>/etc/hosts
	# Modules of a C library that is not the program's, before and after.
	sed -i 's/^hosts:.*/hosts: mymachines myhostname files mdns4_minimal [NOTFOUND=return] resolve [!UNAVAIL=return] dns/' \
		/etc/nsswitch.conf
	rm -f /etc/apache2/sites-enabled/*
	write_ports >/etc/apache2/ports.conf
	write_site >/etc/apache2/sites-enabled/oldhost.conf
	a2dismod -q -f mpm_event
	a2enmod -q mpm_prefork cgi suexec userdir proxy proxy_fcgi ssl rewrite &&
		AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$secret \
			start_demo &&
		apachectl start && until_true 30 answers 404 "$here/nothing"
}

start_demo() {
	"$program" demo-agent --listen unix:/run/demo.sock \
		>/opt/test/demo.log 2>&1 </dev/null &
	until_true 30 test -S /run/demo.sock && chmod 666 /run/demo.sock
}

# ---- what the customer does ----

# As FTP leaves it: no modes, and files of the customer.
upload() {
	local user=$1 site=$2
	mkdir -p "$site"
	cp -R "$release/in-document-root/agentcgi" "$site/" &&
		cp -R "$release/beside-document-root/agentcgi" "${site%/*}/" &&
		find "$site/agentcgi" "${site%/*}/agentcgi" -type f \
			-exec chmod 644 {} + &&
		chown -R "$user:" "$site" "${site%/*}/agentcgi"
}

# fill_in FOLDER: the customer's settings and keys.
fill_in() {
	local dir=$1
	sed -i "s|^#arn = .*|arn = $arn|" "$dir/agentcgi.conf" &&
		sed -i -e "s|^aws_access_key_id =.*|& $key|" \
			-e "s|^aws_secret_access_key =.*|& $secret|" \
			"$dir/credentials" &&
		cat >>"$dir/agentcgi.conf" <<END
endpoint = https://agent.test:8443
[agent silent]
arn = $arn
endpoint = http://127.0.0.1:9001
END
	# Of the host, of course, not of the customer: its authority.
	sed -i '1i ca_file = /opt/test/cert.pem\nkeepalive = 1s' \
		"$dir/agentcgi.conf" && grep -q "^arn = $arn" "$dir/agentcgi.conf"
}

# set_modes SITE MODE OF PRIVATE FILES
set_modes() {
	local site=$1
	chmod 755 "$site/agentcgi" "${site%/*}/agentcgi" \
		"$site/agentcgi/agentcgi.cgi" "${site%/*}/agentcgi/agentcgi" &&
		chmod "$2" "${site%/*}/agentcgi/agentcgi.conf" \
			"${site%/*}/agentcgi/credentials"
}

rename_htaccess() {
	mv "$1/agentcgi/.htaccess.sample" "$1/agentcgi/.htaccess"
}

# ---- what the browser sees ----

# answers STATUS URL [CURL'S OPTIONS]: with this status; body in answer.
answers() {
	local wanted=$1 status
	shift
	status=$(curl -s -m 60 -o /opt/test/answer -w '%{http_code}' "$@")
	[ "$status" = "$wanted" ] || {
		echo "$status, and not $wanted, from $*"
		head -c 500 /opt/test/answer | tr -d '\0'
		echo
		tail -q -n 3 /var/log/apache2/error.log /var/log/apache2/suexec.log
		return 1
	}
}

says() {
	grep -q -- "$1" /opt/test/answer || {
		echo "no \"$1\" in:"
		head -c 1500 /opt/test/answer
		return 1
	}
}

never_says() {
	! grep -q -- "$1" /opt/test/answer
}

healthy() {
	answers 200 "$1/health" && says '{"status":"ok"}'
}

# asked URL [CURL'S OPTIONS]: a whole answer of the demo agent.
asked() {
	local url=$1
	shift
	answers 200 "$url/invoke" -d 'prompt=Hello' "$@" &&
		says '^event: done' && says '"signature'
}

streams() {
	does_stream env -i "$program" selftest "$1/"
}

has_page() {
	answers 200 "$1" && says "content=\"$2/\"" && says "action=\"$2/invoke\"" &&
		never_says '\.\./api'
}

# ---- the tests ----

# mode WANTED MODE PATH: what the modes of INSTALL.txt lead to.
mode() {
	local before status=0
	before=$(stat -c %a "$3")
	chmod "$2" "$3"
	answers "$1" "$taro/agentcgi.cgi/health" || status=1
	chmod "$before" "$3"
	return "$status"
}

test_modes() {
	local mode
	for mode in 755 705 700 500; do
		check "agentcgi.cgi with mode $mode works" \
			mode 200 $mode "$public/agentcgi/agentcgi.cgi"
	done
	for mode in 777 775 644; do
		check "agentcgi.cgi with mode $mode is answered by 500" \
			mode 500 $mode "$public/agentcgi/agentcgi.cgi"
	done
	for mode in 755 711 701; do
		check "its folder with mode $mode works" \
			mode 200 $mode "$public/agentcgi"
	done
	for mode in 777 775; do
		check "its folder with mode $mode is answered by 500" \
			mode 500 $mode "$public/agentcgi"
	done
	for mode in 705 700; do
		check "the program and its folder with mode $mode work" eval \
			"mode 200 $mode $home/agentcgi &&
			mode 200 $mode $home/agentcgi/agentcgi"
	done
	check "the program with mode 644 is answered by 503 and a reason" eval \
		"mode 503 644 $home/agentcgi/agentcgi && says 'needs the mode 755'"
	check "settings that others may write are not used" \
		mode 503 666 "$home/agentcgi/agentcgi.conf"
}

# A query without a = comes as arguments.
no_arguments() {
	local query
	for query in --version -V -h -t --dump-config -c+/etc/passwd \
		-t+-c+/etc/shadow invoke+hello check; do
		answers 200 "$taro/agentcgi.cgi/health?$query" &&
			says '^{"status":"ok"}$' || return
	done
}

# A good configuration, of somebody else: the answer would not come.
write_evil() {
	cat >/opt/test/evil.conf <<END
[agent default]
arn = $arn
endpoint = http://127.0.0.1:1
END
	chmod 644 /opt/test/evil.conf
}

spoofed() {
	asked "$1" -H 'X-Agentcgi-Config: /opt/test/evil.conf' \
		-H 'Agentcgi-Config: /opt/test/evil.conf' \
		-H 'Aws-Access-Key-Id: AKIDEVIL000000000000' \
		-H 'Proxy: http://127.0.0.1:1' -H 'Home: /opt/test'
}

set_by_htaccess() {
	local status=0
	echo 'SetEnv AGENTCGI_CONFIG /opt/test/evil.conf' \
		>>"$public/agentcgi/.htaccess"
	asked "$taro/agentcgi.cgi" || status=1
	sed -i '$d' "$public/agentcgi/.htaccess"
	return "$status"
}

# By whatever address.
private() {
	local at file
	for file in agentcgi.conf credentials agentcgi .htaccess; do
		for at in '' ../ ../../agentcgi/ %2e%2e/%2e%2e/agentcgi/ \
			..%2f..%2fagentcgi/; do
			curl -s -m 60 --path-as-is "$taro/$at$file" |
				head -c 1000000 >/opt/test/answer
			if ! never_says "$secret\|$arn\|ELF\|denied"; then
				echo "$at$file can be read"
				return 1
			fi
		done
		answers 404 "$taro/$file" || [ "$file" = .htaccess ] || return
	done
}

# The second line of defence, for where the first is not to be had.
private_below() {
	local file status=0
	cp -a "$home/agentcgi" "$public/hidden"
	for file in agentcgi.conf credentials agentcgi; do
		chmod 644 "$public/hidden/$file"
		answers 403 "$here/~taro/hidden/$file" || status=1
	done
	rm -rf "$public/hidden"
	return "$status"
}

# With private= in it, from elsewhere.
private_elsewhere() {
	local status=0
	mv "$home/agentcgi" "$home/elsewhere"
	answers 503 "$taro/agentcgi.cgi/health" && says 'not beside' || status=1
	sed -i "s|^private=\$|private=$home/elsewhere|" \
		"$public/agentcgi/agentcgi.cgi"
	asked "$taro/agentcgi.cgi" || status=1
	sed -i 's|^private=.*|private=|' "$public/agentcgi/agentcgi.cgi"
	mv "$home/elsewhere" "$home/agentcgi"
	return "$status"
}

# A customer whose name is agentcgi has a folder where taro's might be.
another_customer() {
	local status=0 other=${home%/*}/agentcgi script
	mkdir -p "$other"
	printf '#!/bin/sh\nprintf "\\n\\nthe other one was here\\n"\n' \
		>"$other/agentcgi"
	chmod 755 "$other" "$other/agentcgi"
	mv "$home/agentcgi" "$home/elsewhere"
	cp -a "$public/agentcgi/agentcgi.cgi" "$public/agentcgi/.htaccess" "$public/"
	cp -a "$public/agentcgi/agentcgi.cgi" "$public/ask.cgi"
	for script in agentcgi.cgi ask.cgi; do
		answers 503 "$here/~taro/$script/health" && says 'not beside' ||
			status=1
	done
	# With settings of the other, and a program of taro's.
	ln -sf "$home/elsewhere/agentcgi" "$other/agentcgi"
	answers 503 "$here/~taro/agentcgi.cgi/health" && says 'not beside' ||
		status=1
	mv "$home/elsewhere" "$home/agentcgi"
	healthy "$here/~taro/agentcgi.cgi" || status=1
	rm -rf "$other" "$public/agentcgi.cgi" "$public/ask.cgi" "$public/.htaccess"
	return "$status"
}

# A document root that is a link: what lies beside it is what it names.
by_link() {
	local status=0
	mv "$public" "$home/real" && mkdir "$home/more" &&
		mv "$home/real" "$home/more/site" &&
		mv "$home/agentcgi" "$home/more/agentcgi" &&
		ln -s more/site "$public" || return
	asked "$taro/agentcgi.cgi" || status=1
	rm "$public"
	mv "$home/more/site" "$public"
	mv "$home/more/agentcgi" "$home/agentcgi"
	rmdir "$home/more"
	return "$status"
}

# Both folders uploaded into one.
two_in_one() {
	local status=0 file
	mv "$home/agentcgi" "$home/elsewhere"
	for file in agentcgi agentcgi.conf credentials; do
		cp -a "$home/elsewhere/$file" "$public/agentcgi/"
	done
	answers 503 "$taro/agentcgi.cgi/health" && says 'two folders are one' ||
		status=1
	for file in agentcgi agentcgi.conf credentials; do
		rm "$public/agentcgi/$file"
	done
	mv "$home/elsewhere" "$home/agentcgi"
	return "$status"
}

hosttest() {
	chmod 755 "$public/agentcgi/hosttest.cgi"
	answers 200 "$taro/hosttest.cgi" && says 'user: taro' &&
		says '^ok .*program runs' && says '^ok .*configuration' &&
		says 'delete hosttest.cgi' && never_says FAILED &&
		never_says "$secret" || return
	# What is broken, it says.
	sed -i 's/^arn = /#&/' "$home/agentcgi/agentcgi.conf"
	answers 200 "$taro/hosttest.cgi" && says '^FAILED .*arn'
	local status=$?
	sed -i 's/^#arn = /arn = /' "$home/agentcgi/agentcgi.conf"
	rm "$public/agentcgi/hosttest.cgi"
	return "$status"
}

# Two programs: the demo agent, and one per stream.
running() {
	[ "$(pgrep -c -x agentcgi)" = "$1" ]
}

# A browser that leaves while the agent thinks: the program ends.
leave() {
	curl -s -N -d prompt=x "$1/invoke/silent" >/dev/null &
	local client=$!
	until_true 30 running 2 || {
		echo "no program for the stream"
		kill "$client"
		return 1
	}
	kill "$client"
	wait "$client" 2>/dev/null
	until_true 60 running 1 || {
		echo "it goes on"
		ps -ef
		return 1
	}
}

# A strict host: the line Options is an error, and not needed.
strict() {
	local site=${home%/*}/hanako/public_html
	answers 500 "$here/~hanako/agentcgi/agentcgi.cgi/health" || return
	sed -i 's/^Options /#&/' "$site/agentcgi/.htaccess"
	asked "$here/~hanako/agentcgi/agentcgi.cgi"
}

# forbid FUNCTIONS: to PHP; none for all as it was.
forbid() {
	echo "disable_functions = $1" \
		>"$(echo /etc/php/*/apache2/conf.d)/99-strict.ini"
	apachectl graceful
}

without_proc_open() {
	local status=0
	forbid proc_open
	until_true 30 answers 503 "$php/health" && says proc_open || status=1
	forbid ''
	until_true 30 answers 200 "$php/health" || status=1
	return "$status"
}

# What a strict host forbids, and is not needed.  The last one is only there
# to see that the list is in force.
without_others() {
	local status=0
	forbid set_time_limit,ini_set,proc_terminate,proc_close,apache_setenv,phpversion
	echo '<?php echo function_exists("phpversion") ? "all" : "strict";' \
		>/srv/site/public_html/strict.php
	until_true 30 answers 200 "${php%/agentcgi/*}/strict.php" &&
		until_true 30 is_strict && asked "$php" || status=1
	rm /srv/site/public_html/strict.php
	forbid ''
	until_true 30 answers 200 "$php/health" || status=1
	return "$status"
}

is_strict() {
	answers 200 "${php%/agentcgi/*}/strict.php" && says strict
}

useradd -m hanako
must "the host starts" start_host
note "glibc $(getconf GNU_LIBC_VERSION), $(apachectl -v | head -n 1)"
# Nobody accepts: what connects waits.
perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 64,
	LocalAddr => "127.0.0.1", LocalPort => 9001, ReuseAddr => 1) or die;
	sleep' &
silent=$!
write_evil

for user in taro hanako; do
	site=${home%/*}/$user/public_html
	chmod 711 "${site%/*}"
	must "$user uploads" upload $user "$site"
	must "$user edits" fill_in "${site%/*}/agentcgi"
	must "$user sets modes" set_modes "$site" 600
done
check "the page is there, and knows where the program is" \
	has_page "$taro/" agentcgi.cgi
check "without .htaccess no program runs here" eval \
	"answers 405 '$taro/agentcgi.cgi' -X POST ||
	{ answers 200 '$taro/agentcgi.cgi' && says private=; }"
must "taro renames .htaccess" rename_htaccess "$public"
must "hanako renames .htaccess" rename_htaccess "${home%/*}/hanako/public_html"

check "the program answers" healthy "$taro/agentcgi.cgi"
check "the agent answers, signed with the keys of the file" \
	asked "$taro/agentcgi.cgi"
check "the self-test says that answers stream" streams "$taro/agentcgi.cgi"
touch /opt/test/page-is-ready
until_true 120 test -e /opt/test/page-was-seen
check "hosttest.cgi tells what is there and what is not" hosttest
test_modes
check "a query does not become options" no_arguments
check "fields of a request do not become settings" spoofed "$taro/agentcgi.cgi"
check "suexec drops SetEnv: no settings from there" set_by_htaccess
check "the private folder is out of reach" private
check "below the document root, its .htaccess keeps browsers out" private_below
check "the private folder may be elsewhere" private_elsewhere
check "another customer's program is not run" another_customer
check "the document root may be a link" by_link
check "two folders in one are told" two_in_one
check "a browser that leaves ends the program" leave "$taro/agentcgi.cgi"
check "where Options is refused, the rest is enough" strict

must "an upload where all run as one user" upload taro /srv/site/public_html
must "its settings" fill_in /srv/site/agentcgi
must "its modes" set_modes /srv/site/public_html 644
php=http://127.0.0.1:8082/agentcgi/agentcgi.php
check "PHP: the page, which asks the script" has_page "$php" agentcgi.php
check "PHP: the self-test's page" eval \
	"answers 200 '$php?selftest' && says 'content=\"agentcgi.php/\"'"
check "PHP: the program answers" healthy "$php"
check "PHP: the agent answers" asked "$php"
check "PHP: answers stream" streams "$php"
check "PHP: fields of a request do not become settings" spoofed "$php"
check "PHP: a browser that leaves ends the program" leave "$php"
check "PHP: no proc_open is told" without_proc_open
check "PHP: other functions may be forbidden" without_others
check "PHP: a form as browsers send files" answers 200 "$php/invoke" \
	-F prompt=Hello -F sessionId=
check "CGI as the server's user: no .htaccess, no program" \
	answers 200 http://127.0.0.1:8083/agentcgi/agentcgi.cgi
must "its .htaccess" rename_htaccess /srv/site/public_html
check "CGI as the server's user: the agent answers" \
	asked http://127.0.0.1:8083/agentcgi/agentcgi.cgi

kill $silent
apachectl stop
plan
