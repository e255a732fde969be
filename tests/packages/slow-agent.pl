#!/usr/bin/perl
# slow-agent PORT SECONDS: answers every HTTP request with an event a second.
#
# It reads no body, knows no paths and no signature, keeps no connection: it
# is only there to let streams run for as long as a test wants.
use strict;
use warnings;
use IO::Socket::INET;

my ($port, $seconds) = @ARGV;
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
    LocalPort => $port, Listen => 256, ReuseAddr => 1) or die "$port: $!";
$SIG{CHLD} = 'IGNORE';

while (my $client = $listener->accept) {
	next if fork;
	while (my $line = <$client>) {
		last if $line eq "\r\n";
	}
	$client->autoflush(1);
	print $client "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" .
	    "Connection: close\r\n\r\n";
	for my $n (1 .. $seconds) {
		print $client qq(data: "$n "\n\n);
		sleep 1;
	}
	exit;
}
