#!/bin/bash
# life.sh: what life_test does in its container.  Prints TAP.
set -u
cd /opt/test || exit
. ./tap.sh
export DEBIAN_FRONTEND=noninteractive SYSTEMD_PAGER='' LC_ALL=C.UTF-8

arn=arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/demo-abcdefghij
socket=/run/agentcgi/agentcgi.sock
conf=/etc/agentcgi/agentcgi.conf
drop_ins=/run/systemd/system/agentcgi.service.d
apache=http://127.0.0.1:80
lighttpd=http://127.0.0.1:81
nginx=http://127.0.0.1:82
shop=http://127.0.0.1:83 # the site of an instance

# ---- looking ----

# is GOT WANTED
is() {
	[ "$1" = "$2" ] || {
		echo "got [$1], wanted [$2]"
		return 1
	}
}
not() {
	! "$@"
}
# logged PATTERN [PRIORITY]
logged() {
	journalctl -o cat -u agentcgi.service -p "${2:-debug}" --no-pager |
		grep -q -e "$1"
}
# property NAME [UNIT]
property() {
	systemctl show -P "$1" "${2:-agentcgi.service}"
}
# reports PATTERN: as systemctl status shows it.
reports() {
	property StatusText | grep -e "$1" || {
		property StatusText
		return 1
	}
}
# state UNIT WANTED
state() {
	is "$(systemctl is-active "$1")" "$2"
}
# gives STATUS CURL'S ARGUMENTS...
gives() {
	local wanted=$1
	shift
	is "$(curl -s -o /dev/null -m 60 -w '%{http_code}' "$@")" "$wanted"
}
# ask URL [CURL'S ARGUMENTS]: an answer, whole.
ask() {
	curl -sN -m 120 -d prompt=hello "$@"
}
# answers URL: whether the demo agent does, to the end.
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
has_page() {
	gives 200 "$1/agentcgi/" && gives 200 "$1/agentcgi/chat.js"
}
# unconfigured: that is what Apache's clients read.
unconfigured() {
	local answer
	answer=$(ask -w ' %{http_code}' "$apache/api/invoke")
	case $answer in
	*'"code":"overloaded"'*' 503') ;;
	*)
		echo "$answer"
		return 1
		;;
	esac
}
# connects USER: whether it may.
connects() {
	# shellcheck disable=SC2016 # Perl's
	setpriv --reuid="$1" --regid="$(id -g "$1")" --clear-groups perl -e '
		use Socket;
		socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die;
		connect($s, sockaddr_un($ARGV[0])) or die "$!\n"' "$socket"
}
servers_can_start() {
	apache2ctl configtest && nginx -t &&
		lighttpd -tt -f /etc/lighttpd/lighttpd.conf
}

# ---- doing ----

# apt COMMAND...: the real one; what it needs of the network was fetched.
apt() {
	timeout 300 apt-get -q -y --no-install-recommends \
		-o Dpkg::Options::=--force-confold "$@"
}
# write_conf GLOBAL_LINE: with the demo agent, and the slow one.
write_conf() {
	cat >$conf <<END
$1
[agent default]
arn = $arn
endpoint = https://localhost
[agent slow]
backend = http
auth = none
url = http://127.0.0.1:8444/
END
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
enable_apache() {
	a2enconf -q agentcgi && apache2ctl configtest && systemctl reload apache2
}
enable_lighttpd() {
	lighty-enable-mod agentcgi &&
		lighttpd -tt -f /etc/lighttpd/lighttpd.conf &&
		systemctl restart lighttpd
}
reload_nginx() {
	nginx -t && systemctl reload nginx
}
# drop_in LINE: of the service.
drop_in() {
	mkdir -p $drop_ins
	printf '[Service]\n%s\n' "$1" >$drop_ins/test.conf
	systemctl daemon-reload
}
no_drop_in() {
	rm -r $drop_ins
	systemctl daemon-reload
}

# ---- installed ----

nothing_is_served() {
	gives 404 "$apache/api/health" && gives 404 "$lighttpd/api/health"
}
must "apt install ./agentcgi.deb" apt install ./agentcgi.deb
check "the socket is there" state agentcgi.socket active
check "the service is not" state agentcgi.service inactive
check "the socket comes back at a boot" \
	is "$(systemctl is-enabled agentcgi.socket)" enabled
check "nothing else starts the service" \
	is "$(systemctl is-enabled agentcgi.service)" static
check "the socket is the web server's" \
	is "$(stat -c '%U:%G %a' $socket)" 'www-data:www-data 660'
check "its directory is root's" \
	is "$(stat -c '%U:%G %a' /run/agentcgi)" 'root:root 755'
check "the web server may connect" connects www-data
check "others may not" not connects nobody
check "no web server serves it yet" nothing_is_served
check "the account cannot log in" is \
	"$(getent passwd _agentcgi | cut -d : -f 7)" /usr/sbin/nologin
check "nothing is public by cgi-bin" not test -e /usr/lib/cgi-bin/agentcgi

# ---- the two commands ----

check "a2enconf agentcgi" enable_apache
# A reload of Apache lasts a moment.
check "unconfigured it answers 503, through Apache" until_true 30 unconfigured
check "the request has started it" state agentcgi.service active
check "the log says what to do, as an error" logged 'needs arn' err
check "so does systemctl status" reports '503: configuration: .*needs arn'

# ---- configured ----

must "the demo agent" start_demo
write_conf ''
check "a reload takes the configuration" systemctl reload agentcgi
check "and systemctl status says so" reports '^answering requests$'
check "without keys: 503" gives 503 -d prompt=x $apache/api/invoke
check "the log says what to do" logged 'give keys in another way'
write_keys /etc/agentcgi/aws-credentials
check "a restart takes the keys" systemctl restart agentcgi
check "its user cannot read root's file of keys" not \
	setpriv --reuid=_agentcgi --regid=_agentcgi --clear-groups \
	cat /etc/agentcgi/aws-credentials
check "keys are in nobody's environment" not \
	grep -qz AWS_SECRET "/proc/$(property MainPID)/environ"
check "an answer through Apache, over TLS to the agent" answers $apache
check "answers stream through Apache" \
	does_stream agentcgi selftest $apache/api/
check "lighty-enable-mod agentcgi" enable_lighttpd
check "an answer through lighttpd" until_true 30 answers $lighttpd
check "answers stream through lighttpd" \
	does_stream agentcgi selftest $lighttpd/api/
check "nginx, which includes the snippet" reload_nginx
check "an answer through nginx" until_true 30 answers $nginx
check "answers stream through nginx" \
	does_stream agentcgi selftest $nginx/api/
ip addr add 192.0.2.1/32 dev lo
ip addr add 192.0.2.2/32 dev lo
for port in 80 81 82; do
	check "port $port: the page" has_page "http://127.0.0.1:$port"
	check "port $port: other machines may not ask" gives 403 \
		--interface 192.0.2.2 "http://192.0.2.1:$port/api/health"
done

# The browser outside looks at Apache's.
touch page-is-ready
until_true 120 test -e page-was-seen

# ---- in the sandbox ----

check "the exposure is at most 1.2" \
	systemd-analyze security --offline=true --threshold=12 agentcgi.service
note "$(systemd-analyze security agentcgi.service 2>&1 |
	grep -v '^✓' | cut -c 1-110)"
check "the watchdog is the loop's" is "$(property WatchdogUSec)" 1min
# What the service sees; as root, whom mounts alone stop.
pid=$(property MainPID)
sees=/proc/$pid/root
check "it can write into its state directory" touch "$sees/var/lib/agentcgi/x"
rm /var/lib/agentcgi/x
check "which is its own" is \
	"$(stat -c '%U %a' /var/lib/agentcgi)" '_agentcgi 700'
for dir in etc/agentcgi var usr run run/agentcgi run/lock dev/shm; do
	check "not into /$dir" not touch "$sees/$dir/x"
done
home=/home
mkdir -p $home/me
check "home directories are hidden" not ls "$sees$home/me"

# credential_process: refused as it is, works with the documented drop-in.
cat >/usr/local/bin/aws_signing_helper <<'END'
#!/bin/sh
echo '{"Version":1,"AccessKeyId":"AKIDDEMO00000000DEMO",' \
	'"SecretAccessKey":"demo-secret-key-not-for-aws"}'
END
chmod 755 /usr/local/bin/aws_signing_helper
# What somebody who got in might leave, and run.
own=/var/lib/agentcgi/helper
install -o _agentcgi /usr/local/bin/aws_signing_helper $own
cat >/etc/agentcgi/aws-config <<'END'
[profile p]
credential_process = /usr/local/bin/aws_signing_helper
END
sed -i 's/^\[agent default\]/&\nprofile = p/' $conf
systemctl reload agentcgi
check "no other program runs" gives 503 -d prompt=x $apache/api/invoke
check "the log names its fate" logged 'credential_process: '
sed -i "s|^credential_process = .*|credential_process = $own|" \
	/etc/agentcgi/aws-config
systemctl restart agentcgi
check "not even one of its own" gives 503 -d prompt=x $apache/api/invoke
sed -i "s|^credential_process = .*|credential_process = /usr/local/bin/aws_signing_helper|" \
	/etc/agentcgi/aws-config
rm $own
# A script, so with its shell.
drop_in "$(sed -e '/^#/d' -e 's|^ExecPaths=.*|& /bin/sh /usr/bin/dash|' \
	/usr/share/doc/agentcgi/examples/credential-process.conf)"
check "with the drop-in" systemctl restart agentcgi
check "a credential_process gives the keys" answers $apache
no_drop_in
rm /etc/agentcgi/aws-config
write_conf ''
systemctl restart agentcgi

# ---- reload ----

pid=$(property MainPID)
ask $apache/api/invoke >running 2>/dev/null &
running=$!
until_true 30 grep -q '^data: "' running
write_conf 'max_prompt = 4'
check "a reload" systemctl reload agentcgi
check "new requests have the new settings" \
	gives 413 -d prompt=hello $apache/api/invoke
wait $running
check "the stream that ran was not disturbed" grep -q '"complete"' running
check "it is the same process" is "$(property MainPID)" "$pid"
echo 'no_such_key = 1' >$conf
check "a reload with a broken file" systemctl reload agentcgi
check "leaves the settings as they are" \
	gives 413 -d prompt=hello $apache/api/invoke
check "and systemctl status names file and line" reports "from before: $conf:1:"
agentcgi -t 2>/dev/null
check "agentcgi -t says 78" is $? 78
check "a restart with it" systemctl restart agentcgi
check "answers 503" unconfigured
check "and stays up" state agentcgi.service active
check "the log names file and line" logged "$conf:1: unknown key no_such_key" err
write_conf ''
systemctl reload agentcgi

# ---- crash ----

check "it works before the crash" answers $nginx
kill -SEGV "$(property MainPID)"
check "after a crash it answers again" until_true 30 answers $nginx
check "systemd has started it again" is "$(property NRestarts)" 1
new_process() {
	[ "$(property MainPID)" != "$pid" ] && [ "$(property MainPID)" != 0 ] &&
		state agentcgi.service active
}
# systemd's own limit is five in ten seconds, and then it gives up.
crash_often() {
	for _ in 1 2 3 4 5 6; do
		pid=$(property MainPID)
		kill -SEGV "$pid" && until_true 30 new_process || return
	done
}
check "it is started again however often it crashes" crash_often
check "and answers" until_true 30 answers $nginx
drop_in WatchdogSec=2
systemctl restart agentcgi
pid=$(property MainPID)
check "the watchdog leaves a loop that turns alone" not until_true 6 new_process
kill -STOP "$pid"
check "a loop that does not turn is started again" until_true 60 new_process
check "and answers" answers $nginx
no_drop_in
systemctl restart agentcgi

# ---- upgrades ----

# streams DIRECTORY: 100 of them, begun, of 24 s each.
streams() {
	local i server
	mkdir -p "$1"
	for i in $(seq 100); do
		server=$nginx
		[ $((i % 2)) -eq 0 ] || server=$apache
		# All outputs, or check would wait for them.
		ask "$server/api/invoke/slow" >"$1/$i" 2>/dev/null &
	done
	until_true 60 all_have "$1" '^data: "'
}
# count DIRECTORY PATTERN: how many streams there have it.
count() {
	grep -l -e "$2" "$1"/* 2>/dev/null | wc -l
}
all_have() {
	is "$(count "$1" "$2")" 100
}
ended() {
	count "$1" "^data: {\"reason\":\"$2\""
}
# upgrade FILE: as apt does it, but without its own time.
upgrade() {
	dpkg -i --force-confold "$1"
}
# stopping: how many streams ran when the last process was told to stop.
stopping() {
	journalctl -o cat --no-pager -u agentcgi.service |
		sed -n 's/^.*stopping: \([0-9]*\) answers are running.*/\1/p' |
		tail -n 1
}
# asking FILE: what others ask meanwhile, one after the other.
asking() {
	until [ -e "$1.stop" ]; do
		curl -s -o /dev/null -m 60 -w '%{http_code}\n' $nginx/api/health
		sleep 0.1
	done >"$1"
}
only_200() {
	sort "$1" | uniq -c
	[ -s "$1" ] && not grep -qv '^200$' "$1"
}
perl slow-agent.pl 8444 24 &
slow=$!
# Less than the streams take: the service asks for what it needs.
drop_in TimeoutStopSec=3
inode=$(stat -c %i $socket)
pid=$(property MainPID)
must "100 open streams" streams first
asking meanwhile &
asker=$!
check "an upgrade under them" upgrade agentcgi.1.deb
touch meanwhile.stop
wait $asker
check "the new version is there" grep -q '+test1$' \
	<(dpkg-query -W -f '${Version}\n' agentcgi)
check "100 ran when the service was told to stop" is "$(stopping)" 100
until_true 60 all_have first '^event: done'
check "none was lost: 100 ended complete" is "$(ended first complete)" 100
check "who asked meanwhile waited, and was answered" only_200 meanwhile
check "the socket is the same" is "$(stat -c %i $socket)" "$inode"
check "the service is a new process" not is "$(property MainPID)" "$pid"
check "the administrator's configuration was kept" grep -q localhost $conf
no_drop_in

write_conf 'drain_timeout = 1s'
systemctl reload agentcgi
must "100 open streams again" streams second
check "an upgrade that cannot wait for them" upgrade agentcgi.2.deb
check "100 ran again" is "$(stopping)" 100
check "each ended by done" until_true 60 all_have second '^event: done'
check "with its reason, in mid-stream" is "$(ended second error)" 100
check "it was no kill" is "$(property Result)" success
kill $slow

# ---- an instance ----

write_keys /etc/agentcgi/shop.aws-credentials
write_conf ''
systemctl reload agentcgi
cp $conf /etc/agentcgi/shop.conf
check "an instance" systemctl enable -q --now agentcgi@shop.socket
check "answers on its socket" answers $shop
check "with a state directory of its own" is \
	"$(stat -c '%U %a' /var/lib/agentcgi-shop)" '_agentcgi 700'
check "and as hidden as the other" \
	systemd-analyze security --threshold=12 agentcgi@shop.service
pid=$(property MainPID agentcgi@shop.service)
check "installed once more" upgrade agentcgi.2.deb
check "it is a new process" not is "$(property MainPID agentcgi@shop.service)" "$pid"
check "it answers" answers $shop

# ---- removed and purged ----

# What there is of this test alone.
left() {
	find / -xdev \( -path /opt/test -o -path /proc -o -path /sys \
		-o -path /var/log -o -path /run/log -o -path /var/cache/apt \
		\) -prune -o -name '*agentcgi*' -print |
		grep -v -e 'agentcgi-test\.\(service\|pem\|crt\)$'
}
check "apt remove" apt remove agentcgi
check "no process is left" not pgrep -u _agentcgi
check "the socket is stopped" state agentcgi.socket inactive
check "the instance's, too" state agentcgi@shop.socket inactive
check "no socket is left" not test -e /run/agentcgi
check "the web servers can start" servers_can_start
check "the configuration is kept" test -e $conf
check "installed again" apt install ./agentcgi.2.deb
check "its socket is back" state agentcgi.socket active
check "the instance's, which is enabled, too" state agentcgi@shop.socket active
systemctl stop demo
rm /etc/systemd/system/demo.service
systemctl daemon-reload
check "apt purge" apt purge agentcgi
check "nothing is left" is "$(left)" ''
check "no unit has failed" is "$(systemctl --failed --no-legend)" ''
check "the web servers can start" servers_can_start
plan
