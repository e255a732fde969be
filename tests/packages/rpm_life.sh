#!/bin/bash
# rpm_life: what rpm_test does on a booted machine: httpd and nginx configured
# as Fedora does, each as its own user, and the package installed, served by
# both, upgraded under an open stream and waiting requests, erased.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/tap.sh"
cd "$(dirname "$0")" || exit
export LC_ALL=C.UTF-8

httpd=http://127.0.0.1:81
nginx=http://127.0.0.1:82
conf=/etc/httpd/conf.d/agentcgi.conf
default=/etc/nginx/default.d/agentcgi.conf

package() {
	rpm --dbpath /var/lib/rpm --force-debian "$@"
}

# ---- the web servers ----

# As Fedora's httpd.conf and conf.modules.d have it.
configure_httpd() {
	mkdir -p /etc/httpd/conf /run/httpd /var/www/html
	{
		cat <<'END'
ServerRoot /etc/httpd
ServerName localhost
Listen 127.0.0.1:81
PidFile /run/httpd/httpd.pid
ErrorLog /opt/test/httpd.log
User apache
Group apache
END
		for module in mpm_event authz_core authz_host alias dir env mime \
			proxy proxy_fcgi; do
			echo "LoadModule ${module}_module" \
				"/usr/lib/apache2/modules/mod_$module.so"
		done
		cat <<'END'
TypesConfig /etc/mime.types
DocumentRoot /var/www/html
<Directory /var/www>
	Require all granted
</Directory>
IncludeOptional conf.d/*.conf
END
	} >/etc/httpd/conf/httpd.conf
	touch /etc/mime.types
	echo home >/var/www/html/index.html
	chown root:root /var/www/html/index.html
}

configure_nginx() {
	cat >/etc/nginx/nginx.conf <<'END'
user nginx;
pid /run/nginx.pid;
error_log /opt/test/nginx.log;
events { worker_connections 1024; }
http {
	include /etc/nginx/mime.types;
	access_log off;
	server {
		listen 127.0.0.1:82 default_server;
		root /var/www/html;
		include /etc/nginx/default.d/*.conf;
	}
}
END
}

control_httpd() {
	apache2 -f /etc/httpd/conf/httpd.conf "$@"
}

# They run before agentcgi comes.
start_servers() {
	package -i stand-ins.rpm
	configure_httpd
	configure_nginx
	control_httpd -k start && nginx && sleep 0.5 &&
		status 200 "$httpd/" && status 200 "$nginx/"
}

reload_servers() {
	control_httpd -t && nginx -t && control_httpd -k graceful &&
		nginx -s reload
}

# get URL...: the status of the answer.
get() {
	curl -s -o /dev/null -w '%{http_code}' --max-time 60 "$@"
}

# status NUMBER ARGUMENT...: whether that is the answer.
status() {
	local wanted=$1 got
	shift
	got=$(get "$@")
	echo "$got"
	[ "$got" = "$wanted" ]
}

# ---- the service ----

# main UNIT: its process.
main() {
	systemctl show --property=MainPID --value "$1"
}

inode() {
	stat --format=%i "/run/agentcgi/$1.sock"
}

installs() {
	package -i agentcgi.rpm
}

# Not even the socket: on Fedora that is for the administrator.
is_quiet() {
	! systemctl is-active agentcgi.socket &&
		! systemctl is-enabled agentcgi.socket &&
		[ ! -e /run/agentcgi ] && ! pgrep agentcgi
}

# What a reload of the servers, as logrotate does one, must not change.
not_public() {
	reload_servers && sleep 0.5 && status 200 "$httpd/" && status 200 "$nginx/" &&
		status 404 "$httpd/agentcgi/" && status 404 "$nginx/agentcgi/" &&
		status 404 "$httpd/api/selftest" && status 404 "$nginx/api/selftest"
}

enables() {
	systemctl enable --now agentcgi.socket &&
		systemctl is-active agentcgi.socket
}

socket_is_theirs() {
	[ "$(stat --format='%U:%G %a' /run/agentcgi/agentcgi.sock)" = \
		'apache:nginx 660' ]
}

# may_connect USER: 7 is curl's word for a connection that was refused.
may_connect() {
	setpriv --reuid "$1" --regid "$(id -g "$1")" --clear-groups curl -s -o /dev/null \
		--max-time 2 --unix-socket /run/agentcgi/agentcgi.sock http://x/
	[ $? -ne 7 ]
}

may_not_connect() {
	! may_connect "$1"
}

# As README.Fedora says.
configure_agentcgi() {
	cp "$conf.example" "$conf" && cp "$default.example" "$default" &&
		reload_servers
}

unconfigured() {
	status 503 -d prompt=hello "$httpd/api/invoke" &&
		status 503 -d prompt=hello "$nginx/api/invoke" &&
		systemctl is-active agentcgi.service
}

# Variables from the file that only root can read.
names_agent() {
	(
		umask 077
		echo AGENT_RUNTIME_ARN=arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/a-0123456789 \
			>/etc/agentcgi/environment
	)
	cat >>/etc/agentcgi/agentcgi.conf <<END
[agent slow]
backend = http
auth = none
url = http://127.0.0.1:8444/
END
	systemctl restart agentcgi && status 200 "$httpd/api/health"
}

runs_as_agentcgi() {
	[ "$(ps -o user= -p "$(main agentcgi)")" = _agentcgi ]
}

streams() {
	does_stream agentcgi selftest "$1/api/"
}

# ---- an upgrade ----

# One more, with a configuration of its own.
instance_runs() {
	cp /etc/agentcgi/agentcgi.conf /etc/agentcgi/site.conf &&
		systemctl enable --now agentcgi@site.socket &&
		systemctl start agentcgi@site.service &&
		systemctl is-active agentcgi@site.service
}

# ask FILE: requests, one after the other, until there is a file "enough".
ask() {
	until [ -e enough ]; do
		get "$nginx/api/health" >>"$1"
		echo >>"$1"
	done
}

upgrades() {
	local asking stream slow
	inode agentcgi >inode.before
	main agentcgi >main.before
	main agentcgi@site >site.before
	# 24 s: less than the drain may take, more than rpm does.
	perl slow-agent.pl 8444 24 >/dev/null 2>&1 &
	slow=$!
	until_true 30 curl -s -m 1 -o /dev/null http://127.0.0.1:8444/
	curl -sN --max-time 60 -d prompt=x "$httpd/api/invoke/slow" >stream &
	stream=$!
	until_true 30 grep -q '^data: "1 "' stream || return
	ask answers &
	asking=$!
	package -U next.rpm || return
	touch enough
	wait "$asking"
	wait "$stream"
	kill "$slow"
}

is_new() {
	package -q agentcgi | grep '\.1-1'
}

socket_stayed() {
	[ "$(inode agentcgi)" = "$(cat inode.before)" ] &&
		systemctl is-active agentcgi.socket
}

# restarted UNIT FILE
restarted() {
	systemctl is-active "$1" && [ "$(main "$1")" != "$(cat "$2")" ]
}

# It ran when the service was told to stop, and was ended as it should be.
stream_ended_properly() {
	cat stream
	journalctl -o cat --no-pager -u agentcgi |
		grep 'stopping: 1 answers are running' &&
		grep -q '"complete"' stream
}

all_were_answered() {
	sort answers | uniq -c
	[ "$(sort -u answers)" = 200 ]
}

# ---- the end ----

erases() {
	package -e agentcgi
}

has_stopped() {
	! pgrep agentcgi && ! systemctl is-active agentcgi.socket &&
		! systemctl is-active agentcgi@site.socket &&
		[ ! -e /run/agentcgi/agentcgi.sock ] &&
		[ ! -e /run/agentcgi/site.sock ]
}

is_disabled() {
	! find /etc/systemd -name '*agentcgi*' ! -name agentcgi-test.service |
		grep .
}

# What we copied for them is still there.
servers_go_on() {
	[ -e "$conf" ] && [ -e "$default" ] && reload_servers && sleep 0.5 &&
		status 200 "$httpd/" && status 200 "$nginx/" &&
		status 503 "$httpd/api/health" && status 502 "$nginx/api/health"
}

must "web servers as on Fedora" start_servers
must "installs on a running machine" installs
check "nothing is enabled, nothing runs" is_quiet
check "the web servers do not know of it yet" not_public
must "the socket can be enabled" enables
check "the socket is httpd's and nginx's" socket_is_theirs
check "httpd may connect" may_connect apache
check "nginx may connect" may_connect nginx
check "nobody else may" may_not_connect nobody
must "the examples work once copied" configure_agentcgi
check "without an agent it says so, and stays up" until_true 30 unconfigured
check "with an agent it is ready" names_agent
check "it runs as _agentcgi" runs_as_agentcgi
check "the page is there under httpd" status 200 "$httpd/agentcgi/"
check "the page is there under nginx" status 200 "$nginx/agentcgi/"
check "it streams under httpd" streams "$httpd"
check "it streams under nginx" streams "$nginx"
check "an instance runs beside it" instance_runs
must "upgrades under an open stream" upgrades
check "the next version is installed" is_new
check "the socket is the same" socket_stayed
check "the service was restarted" restarted agentcgi main.before
check "the instance was restarted" restarted agentcgi@site site.before
check "the stream ended properly" stream_ended_properly
check "requests meanwhile were all answered" all_were_answered
must "is erased" erases
check "everything has stopped" has_stopped
check "everything is disabled" is_disabled
check "the web servers go on without it" servers_go_on
plan
