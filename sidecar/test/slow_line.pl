# A line that is slow: slow_line.pl PORT BYTES_PER_SECOND BUFFER
#
# Listens on a free port of 127.0.0.1, says which on stdout, and passes each connection
# on to PORT. What comes from there is read at so many bytes a second, with a receive
# buffer of so many, so that the server feels what is not read; what goes there goes at
# once.
# Stopped (SIGSTOP) it is a client that reads nothing and still is there.
use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_RCVBUF INADDR_LOOPBACK pack_sockaddr_in);
use Time::HiRes qw(time);

my ($port, $rate, $buffer) = @ARGV;
my $listener = IO::Socket::INET->new(Listen => 1024, LocalAddr => '127.0.0.1') or die "listen: $!";
$| = 1;
print $listener->sockport, "\n";

my $all = IO::Select->new($listener, \*STDIN);
my (%peer, %slow, %due);    # by file number: the other end; reads slowly; when it may read again

sub begin
{
	my $near = $listener->accept or return;
	socket(my $far, Socket::PF_INET, Socket::SOCK_STREAM, 0) or die "socket: $!";
	setsockopt($far, SOL_SOCKET, SO_RCVBUF, pack('i', $buffer)) or die "SO_RCVBUF: $!";    # before the handshake
	unless (connect($far, pack_sockaddr_in($port, INADDR_LOOPBACK)))
	{
		close $near;
		return;
	}
	@peer{ fileno $near, fileno $far } = ($far, $near);
	$slow{ fileno $far } = 1;
	$due{ fileno $far } = 0;
	$all->add($near, $far);
}

sub end
{
	my ($socket) = @_;
	my $other = $peer{ fileno $socket };

	for ($socket, $other)
	{
		$all->remove($_);
		delete $_->{ fileno $socket }, delete $_->{ fileno $other } for \%slow, \%due;
	}
	delete @peer{ fileno $socket, fileno $other };
	close $_ for $socket, $other;
}

sub pass
{
	my ($socket) = @_;
	my $size = $slow{ fileno $socket } ? int($rate / 16 > 65536 ? 65536 : $rate / 16) : 65536;
	my $got = sysread($socket, my ($bytes), $size);

	return end($socket) unless $got;
	if ($slow{ fileno $socket })
	{
		my $from = $due{ fileno $socket };

		$from = time - 0.2 if $from < time - 0.2;
		$due{ fileno $socket } = $from + $got / $rate;
	}
	for (my $sent = 0; $sent < $got;)
	{
		my $n = syswrite $peer{ fileno $socket }, $bytes, $got - $sent, $sent;
		return end($socket) unless $n;
		$sent += $n;
	}
}

$SIG{PIPE} = 'IGNORE';
for (;;)
{
	my $now = time;
	my $readers = IO::Select->new(grep { !$slow{ fileno $_ } || $due{ fileno $_ } <= $now } $all->handles);

	for my $socket ($readers->can_read(0.02))
	{
		if ($socket == \*STDIN) { exit unless sysread STDIN, my $ignored, 1 }
		elsif ($socket == $listener) { begin() }
		elsif (defined fileno $socket && $peer{ fileno $socket }) { pass($socket) }
	}
}
