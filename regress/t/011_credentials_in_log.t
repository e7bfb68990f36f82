# A refused credential does not end up in the server's log: it may be good for
# another tenant, or have been good a minute ago.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

my $node = wrk_node('main', conf => "log_statement = none\nlog_min_error_statement = error\n");
my $claims = '{"sub": "u", "tenant_id": "acme", "exp": 4102444800}';

$node->safe_psql('wrk', q{SELECT wrk.jwt_key_import('} . key_jwk() . q{')});
my $token = $node->safe_psql('wrk', "SELECT wrk.jwt_sign('$claims', '" . key_jwk() . q{')});
my $acme = $node->safe_psql('wrk', q{SELECT wrk.api_key_create('acme', 'u')});
my $globex = $node->safe_psql('wrk', q{SELECT wrk.api_key_create('globex', 'u')});
my $old = $node->safe_psql('wrk', q{SELECT wrk.api_key_create('acme', 'u', expires_at => now() - interval '1 minute')});
my $odd = $node->safe_psql('wrk', q{SELECT wrk.api_key_create('two parts', 'u')});
my $revoked = $node->safe_psql('wrk', q{SELECT wrk.api_key_create('acme', 'u')});
$node->safe_psql('wrk', q{SELECT wrk.api_key_revoke(split_part('} . $revoked . q{', '_', 3))});

# what is presented, what for, and whatever comes before it in the transaction
my @refused = (
	[ $revoked, 'WK4E2', 'a revoked API key' ],
	[ $acme . 'x', 'WK401', 'an API key with a slip' ],
	[ $old, 'WK4E1', 'an expired API key' ],
	[ $odd, 'WK400', 'an API key of an impossible tenant' ],
	[ $globex, 'WK403', 'a good API key of another tenant', "SELECT wrk.authenticate('$token');" ],
	[ $token, 'WK403', 'a good token of another tenant', "SELECT wrk.authenticate('$globex');" ],
	[ $acme, 'WK403', 'a good API key after a cursor with hold', 'DECLARE c CURSOR WITH HOLD FOR SELECT 1;' ],
	[ $token . 'x', 'WK401', 'a token with a slip' ]);

for my $case (@refused)
{
	my ($credential, $state, $what, $before) = (@$case, '');
	my ($secret) = $credential =~ /([^_.]{20,})$/;
	my $start = -s $node->logfile;

	is(sqlstate_of($node, "BEGIN; $before SELECT wrk.authenticate('$credential'); ROLLBACK"), $state, "$what is refused");
	is(sqlstate_of($node, "BEGIN; $before DO \$\$BEGIN PERFORM wrk.authenticate('$credential'); END\$\$; ROLLBACK"), $state, 'also in a function');
	unlike(slurp_file($node->logfile, $start), qr/\Q$secret\E/, 'and is not in the log');
}

# a key that is refused is a secret nevertheless
my $start = -s $node->logfile;
(my $meant_for_more = key_jwk()) =~ s/HS256/HS512/;
is(sqlstate_of($node, "SELECT wrk.jwt_key_import('$meant_for_more')"), 'WK400', 'a key too short for its algorithm is refused');
is(sqlstate_of($node, "SELECT wrk.jwt_sign('{}', '$meant_for_more')"), 'WK400', 'for signing too');
unlike(slurp_file($node->logfile, $start), qr/AAAAA/, 'and is not in the log');

$node->stop;
done_testing();
