# Tokens and keys of others: every vector must verify or be refused as it says.
# Runs regress/vectors/jwt.json and, if WRK_VECTORS names a folder, the files of
# its folder rfc7515-7519.
#
# A file is an array of {name, token, jwk, payload, must_reject}; a vector without
# jwk is tried with every key of its file.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use Encode;
use File::Glob ':bsd_glob';
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

my $folder = $ENV{WRK_VECTORS} ? "$ENV{WRK_VECTORS}/rfc7515-7519" : '';
my @files = ("$FindBin::RealBin/../vectors/jwt.json", $folder ? glob("$folder/*.json") : ());
my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $node = wrk_node('main', preload => 0);

note(@files > 1 ? "with the vectors of $folder" : 'with our own vectors');

sub quoted
{
	my ($text) = @_;
	$text =~ s/'/''/g;
	return "'$text'";
}

# the payload as text, '' when the token is refused; dies when it is refused for another reason
sub payload_of
{
	my ($vector, $jwk) = @_;
	my $token = quoted($vector->{token});
	my $key = quoted($json->encode($jwk));
	my ($status, $out, $err) = $node->psql('wrk',
		"\\set VERBOSITY verbose\nSELECT encode(wrk.jws_verify($token, $key), 'hex')");

	return decode('UTF-8', pack('H*', $out)) if $err eq '';
	die $err unless $err =~ /ERROR:  WK401:/;
	return '';
}

for my $file (@files)
{
	my $vectors = $json->decode(slurp_file($file));
	my @keys = grep { defined } map { $_->{jwk} } @$vectors;

	for my $vector (@$vectors)
	{
		for my $jwk ($vector->{jwk} // @keys)
		{
			my $payload = payload_of($vector, $jwk);

			if ($vector->{must_reject})
			{
				is($payload, '', "refused: $vector->{name}");
				next;
			}
			my $expected = $vector->{payload};

			$payload = $json->decode(encode('UTF-8', $payload)) if ref $expected;
			is_deeply($payload, $expected, "verified: $vector->{name}");
		}
	}
}

done_testing();
