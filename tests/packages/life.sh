#!/bin/bash
# life.sh: what life_test does in its container.  Prints TAP.
set -u
cd /opt/test || exit
. ./tap.sh
export DEBIAN_FRONTEND=noninteractive SYSTEMD_PAGER='' LC_ALL=C.UTF-8

arn=arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/demo-abcdefghij
socket=/run/agentcgi/agentcgi.sock
apache=http://127.0.0.1:80
lighttpd=http://127.0.0.1:81
nginx=http://127.0.0.1:82
shop=http://127.0.0.1:83

# ---- looking ----

said() {
	journalctl -o cat -u "${2:-agentcgi.service}" --no-pager | grep -q -- "$1"
}
property() {
	systemctl show -P "$1" "${2:-agentcgi.service}"
}
active() {
	[ "$(systemctl is-active "$1")" = "${2:-active}" ]
}
is() {
	[ "$1" = "$2" ] || { echo "got [$1], wanted [$2]"; return 1; }
}
status_of() {
	curl -s -o /dev/null -m 60 -w '%{http_code}' "$@"
}
# ask URL [CURL'S ARGUMENTS]: an answer, whole; what is left of it is here.
ask() {
	curl -sN -m 120 -d prompt=hello "$@"
}
answers() {
	local answer
	answer=$(ask "$1/api/invoke")
	case $answer in
	*'"complete"'*) ;;
	*)
		printf '%s\n' "$answer" | tail -n 5
		journalctl -o cat -n 5 --no-pager -u agentcgi.service
		return 1
		;;
	esac
}
# connects USER: whether it may.
connects() {
	setpriv --reuid="$1" --regid="$(id -g "$1")" --clear-groups perl -e '
		use Socket;
		socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die;
		connect($s, sockaddr_un($ARGV[0])) or die "$!\n"' "$socket"
}
not() {
	! "$@"
}

write_conf() {
	cat >/etc/agentcgi/agentcgi.conf <<END
$1
[agent default]
arn = $arn
endpoint = https://localhost
[agent slow]
arn = $arn
endpoint = https://localhost:444
END
}

# ---- the demo agent ----

start_demo() {
	cat >/etc/systemd/system/demo.service <<'END'
[Service]
ExecStart=/usr/sbin/agentcgi demo-agent --listen unix:/run/agentcgi-demo/demo.sock
User=www-data
RuntimeDirectory=agentcgi-demo
Environment=AWS_ACCESS_KEY_ID=AKIDDEMO00000000DEMO
Environment=AWS_SECRET_ACCESS_KEY=demo-secret-key-not-for-aws
END
	systemctl daemon-reload && systemctl start demo &&
		until_true 30 test -S /run/agentcgi-demo/demo.sock
}
write_keys() {
	(
		umask 077
		cat >"$1" <<'END'
[default]
aws_access_key_id = AKIDDEMO00000000DEMO
aws_secret_access_key = demo-secret-key-not-for-aws
END
	)
}

# ---- installed ----

apt() {
	# Stopped by nothing, so that a hanging script shows.
	timeout 300 apt-get -q -y --no-install-recommends \
		-o Dpkg::Options::=--force-confold "$@"
}
must "apt install ./agentcgi.deb" apt install ./agentcgi.deb
check "the socket is there, the service is not" eval \
	'active agentcgi.socket && active agentcgi.service inactive'
check "the socket comes back at a boot" \
	is "$(systemctl is-enabled agentcgi.socket)" enabled
check "nobody else enables the service" \
	is "$(systemctl is-enabled agentcgi.service)" static
check "the socket is the web server's" \
	is "$(stat -c '%U:%G %a' $socket)" 'www-data:www-data 660'
check "its directory is root's" \
	is "$(stat -c '%U:%G %a' /run/agentcgi)" 'root:root 755'
check "the web server may connect" connects www-data
check "others may not" not connects nobody
check "no web server serves it yet" eval '
	is "$(status_of $apache/api/health)" 404 &&
	is "$(status_of $lighttpd/api/health)" 404'
check "the account" eval 'getent passwd _agentcgi | grep -q nologin'
check "nothing is public by cgi-bin" not test -e /usr/lib/cgi-bin/agentcgi

# ---- the two commands ----

check "a2enconf agentcgi" eval \
	'a2enconf -q agentcgi && apache2ctl configtest && systemctl reload apache2'
unconfigured() {
	local answer
	answer=$(ask -w ' %{http_code}' $apache/api/invoke)
	case $answer in
	*'"code":"overloaded"'*' 503') ;;
	*) echo "$answer"; return 1 ;;
	esac
}
# A reload of Apache lasts a moment.
check "unconfigured it answers 503, through Apache" until_true 30 unconfigured
check "the request has started it" active agentcgi.service
check "the log says what to do, as an error" eval \
	'journalctl -o cat -p err --no-pager -u agentcgi.service | grep "needs arn"'
check "so does systemctl status" eval \
	'property StatusText | grep "503: configuration: .*needs arn"'

# ---- configured ----

must "the demo agent" start_demo
write_conf ''
check "a reload takes the configuration" systemctl reload agentcgi
check "and systemctl status says so" eval \
	'property StatusText | grep "^answering requests$"'
check "without keys: 503" eval \
	'is "$(status_of -d prompt=x $apache/api/invoke)" 503'
check "the log says where keys may be" said 'as there are no AWS_ACCESS_KEY_ID, profile'
write_keys /etc/agentcgi/aws-credentials
check "a restart takes the keys" systemctl restart agentcgi
pid=$(property MainPID)
check "as its own user it cannot read root's file of keys" not \
	setpriv --reuid=_agentcgi --regid=_agentcgi --clear-groups \
	cat /etc/agentcgi/aws-credentials
check "keys are in nobody's environment" not grep -qz AWS_SECRET "/proc/$pid/environ"
check "an answer through Apache, over TLS to the agent" answers $apache
check "answers stream through Apache" agentcgi selftest $apache/api/
check "lighty-enable-mod agentcgi" eval \
	'lighty-enable-mod agentcgi; lighttpd -tt -f /etc/lighttpd/lighttpd.conf &&
	systemctl restart lighttpd'
check "an answer through lighttpd" until_true 30 answers $lighttpd
check "answers stream through lighttpd" agentcgi selftest $lighttpd/api/
check "nginx, which includes the snippet" eval 'nginx -t && systemctl reload nginx'
check "an answer through nginx" until_true 30 answers $nginx
check "answers stream through nginx" agentcgi selftest $nginx/api/
for server in $apache $lighttpd $nginx; do
	check "the page at $server/agentcgi/" eval \
		'is "$(status_of $server/agentcgi/)" 200 &&
		is "$(status_of $server/agentcgi/chat.js)" 200'
done
ip addr add 192.0.2.1/32 dev lo
ip addr add 192.0.2.2/32 dev lo
for port in 80 81 82; do
	check "port $port: others than this machine may not ask" eval \
		'is "$(status_of --interface 192.0.2.2 http://192.0.2.1:$port/api/health)" 403'
done

# The browser outside looks at Apache's.
touch page-is-ready
until_true 120 test -e page-was-seen

# ---- in the sandbox ----

check "the exposure is at most 1.2" eval '
	systemd-analyze security --offline=true --threshold=12 agentcgi.service'
note "$(systemd-analyze security agentcgi.service 2>&1 |
	grep -v '^✓' | cut -c 1-110)"
check "the watchdog is the loop's" is "$(property WatchdogUSec)" 1min
# What the service sees; as root, who is stopped by mounts alone.
sees=/proc/$(property MainPID)/root
mkdir -p /home/someone
check "it can write into its state directory" touch "$sees/var/lib/agentcgi/x"
check "which is its own" is "$(stat -c '%U %a' /var/lib/agentcgi)" '_agentcgi 700'
check "and nowhere else" not touch "$sees/etc/agentcgi/x" "$sees/var/x" "$sees/usr/x"
check "home directories are hidden" not ls "$sees/home/someone"
rm /var/lib/agentcgi/x

# credential_process: refused as it is, works with the documented drop-in.
printf '#!/bin/sh\necho '"'"'%s'"'\n" '{"Version":1,"AccessKeyId":"AKIDDEMO00000000DEMO","SecretAccessKey":"demo-secret-key-not-for-aws"}' \
	>/usr/local/bin/aws_signing_helper
chmod 755 /usr/local/bin/aws_signing_helper
printf '[profile p]\ncredential_process = /usr/local/bin/aws_signing_helper\n' \
	>/etc/agentcgi/aws-config
write_conf ''
sed -i 's/^\[agent default\]/&\nprofile = p/' /etc/agentcgi/agentcgi.conf
systemctl reload agentcgi
check "no other program runs" eval \
	'is "$(status_of -d prompt=x $apache/api/invoke)" 503'
check "the log names the program's fate" said 'credential_process: '
mkdir -p /etc/systemd/system/agentcgi.service.d
sed 's|^ExecPaths=.*|& /bin/sh /usr/bin/dash|' \
	/usr/share/doc/agentcgi/examples/credential-process.conf \
	>/etc/systemd/system/agentcgi.service.d/keys.conf
systemctl daemon-reload
check "with the drop-in" systemctl restart agentcgi
check "a credential_process gives the keys" answers $apache
rm -r /etc/systemd/system/agentcgi.service.d /etc/agentcgi/aws-config
write_conf ''
systemctl daemon-reload
systemctl restart agentcgi

# ---- reload ----

pid=$(property MainPID)
ask $apache/api/invoke >running & running=$!
until_true 30 grep -q '^data: "' running
write_conf 'max_prompt = 4'
check "a reload" systemctl reload agentcgi
check "new requests have the new settings" eval \
	'is "$(status_of -d prompt=hello $apache/api/invoke)" 413'
wait $running
check "the stream that ran was not disturbed" grep -q '"complete"' running
check "it is the same process" is "$(property MainPID)" "$pid"
echo 'no_such_key = 1' >/etc/agentcgi/agentcgi.conf
check "a reload with a broken file" systemctl reload agentcgi
check "leaves the settings as they are" eval \
	'is "$(status_of -d prompt=hello $apache/api/invoke)" 413'
check "and systemctl status names file and line" eval \
	'property StatusText | grep "from before: /etc/agentcgi/agentcgi.conf:1:"'
check "agentcgi -t says so too, with 78" eval 'agentcgi -t; [ $? -eq 78 ]'
check "a restart with it" systemctl restart agentcgi
check "stays up and answers 503" eval 'unconfigured && active agentcgi.service'
check "the log names file and line" said 'agentcgi.conf:1: unknown key no_such_key'
write_conf ''
systemctl reload agentcgi

# ---- crash ----

check "works before the crash" answers $nginx
kill -SEGV "$(property MainPID)"
check "after a crash it answers again" until_true 30 answers $nginx
check "systemd has started it again" is "$(property NRestarts)" 1
mkdir -p /run/systemd/system/agentcgi.service.d
printf '[Service]\nWatchdogSec=2\n' >/run/systemd/system/agentcgi.service.d/dog.conf
systemctl daemon-reload
systemctl restart agentcgi
pid=$(property MainPID)
sleep 3
check "the watchdog leaves a loop that turns alone" is "$(property MainPID)" "$pid"
kill -STOP "$pid"
new_process() { [ "$(property MainPID)" != "$pid" ] && active agentcgi.service; }
check "a loop that does not turn is started again" until_true 60 new_process
check "and answers" answers $nginx
rm -r /run/systemd/system/agentcgi.service.d
systemctl daemon-reload
systemctl restart agentcgi

# ---- upgrades ----

# streams DIRECTORY: 100 of them, begun.
streams() {
	mkdir -p "$1"
	for i in $(seq 100); do
		server=$nginx
		[ $((i % 2)) -eq 0 ] || server=$apache
		ask $server/api/invoke/slow >"$1/$i" &
	done
	begun() { [ "$(grep -l '^data: "' "$1"/* 2>/dev/null | wc -l)" -eq 100 ]; }
	until_true 60 begun "$1"
}
# ended DIRECTORY REASON: how many of them ended so.
ended() {
	grep -l "^data: {\"reason\":\"$2\"" "$1"/* 2>/dev/null | wc -l
}
# upgrade FILE: as apt does it, but without its own time.
upgrade() {
	dpkg -i --force-confold "$1"
}
# stopping: how many streams ran when the last process was told to stop.
stopping() {
	journalctl -o cat --no-pager -u agentcgi.service |
		sed -n 's/^.*stopping: \([0-9]*\) answers are running.*/\1/p' | tail -n 1
}
# What others ask meanwhile, one after the other.
asking() {
	until [ -e "$1.stop" ]; do
		status_of $nginx/api/health
		echo
		sleep 0.1
	done >"$1"
}
# only_200 FILE: whether they were answered, all.
only_200() {
	sort "$1" | uniq -c
	[ -s "$1" ] && not grep -qv '^200$' "$1"
}
inode=$(stat -c %i $socket)
# Less than the drain takes: the service asks for what it needs.
mkdir -p /run/systemd/system/agentcgi.service.d
printf '[Service]\nTimeoutStopSec=3\n' >/run/systemd/system/agentcgi.service.d/stop.conf
systemctl daemon-reload
must "100 open streams" streams first
asking meanwhile & asker=$!
check "an upgrade under them" upgrade agentcgi.1.deb
touch meanwhile.stop
wait $asker
check "the new version is there" eval \
	'dpkg-query -W -f "\${Version}" agentcgi | grep "+test1$"'
all_ended() { [ "$(grep -l '^event: done' "$1"/* | wc -l)" -eq 100 ]; }
until_true 60 all_ended first
check "100 ran when the service was told to stop" is "$(stopping)" 100
check "none was lost: 100 ended complete" is "$(ended first complete)" 100
check "who asked meanwhile waited, and was answered" only_200 meanwhile
check "the socket is the same" is "$(stat -c %i $socket)" "$inode"
check "the service is a new process" not test "$(property MainPID)" = "$pid"
check "the administrator's configuration was kept" grep -q 'localhost' \
	/etc/agentcgi/agentcgi.conf

rm -r /run/systemd/system/agentcgi.service.d
write_conf 'drain_timeout = 1s'
systemctl daemon-reload
systemctl reload agentcgi
must "100 open streams again" streams second
check "an upgrade that cannot wait for them" upgrade agentcgi.2.deb
until_true 60 all_ended second
check "100 ran again" is "$(stopping)" 100
complete=$(ended second complete)
check "each ended by done with its reason" is \
	$((complete + $(ended second error))) 100
check "some in mid-stream" test "$complete" -lt 100
note "of 100 streams with drain_timeout = 1s, $complete were complete"
check "it was no kill" is "$(property Result)" success

# ---- an instance ----

write_keys /etc/agentcgi/shop.aws-credentials
write_conf ''
cp /etc/agentcgi/agentcgi.conf /etc/agentcgi/shop.conf
check "an instance" systemctl enable -q --now agentcgi@shop.socket
check "answers on its socket" eval \
	'ask $shop/api/invoke | grep -q "\"complete\""'
check "with a state directory of its own" is \
	"$(stat -c '%U %a' /var/lib/agentcgi-shop)" '_agentcgi 700'
check "and as hidden as the other" eval '
	systemd-analyze security --threshold=12 agentcgi@shop.service'

# ---- removed and purged ----

check "apt remove" apt remove agentcgi
check "nothing of it runs" eval 'not pgrep -x agentcgi -u _agentcgi &&
	active agentcgi.socket inactive && active agentcgi@shop.socket inactive'
check "its sockets are gone" not test -e /run/agentcgi
check "the web servers still start" eval 'apache2ctl configtest && nginx -t &&
	lighttpd -tt -f /etc/lighttpd/lighttpd.conf'
check "the configuration is kept" test -e /etc/agentcgi/agentcgi.conf
systemctl stop demo
rm -r /etc/systemd/system/demo.service
systemctl daemon-reload
check "apt purge" apt purge agentcgi
left() {
	find / -xdev \( -path /opt/test -o -path /proc -o -path /sys \
		-o -path /var/log/journal -o -path /run/log \
		-o -path /var/cache/apt \) -prune -o \
		-name '*agentcgi*' -print | grep -v -x \
		-e '/etc/systemd/system/agentcgi-test.service' \
		-e '/etc/systemd/system/default.target.wants/agentcgi-test.service' \
		-e '.*/agentcgi-test\.\(pem\|crt\)' \
		-e '/sys/.*' -e '/run/systemd/.*agentcgi-test.*'
}
check "nothing is left" eval 'is "$(left)" ""'
check "no unit has failed" eval 'is "$(systemctl --failed --no-legend)" ""'
check "the web servers still start" eval 'apache2ctl configtest && nginx -t &&
	lighttpd -tt -f /etc/lighttpd/lighttpd.conf'
plan
