# What the README tells a newcomer to type works as it stands there.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

my $node = wrk_node('main', extension => 0);

sub run_block
{
	my ($sql, $db) = @_;
	my ($status, $out, $err) = $node->psql($db // 'wrk', $sql, on_error_stop => 1);
	return $status == 0 ? ('', $out) : ($err, $out);
}

open my $readme, '<', "$FindBin::RealBin/../../README.md" or die "README.md: $!";
my $text = do { local $/; <$readme> };
my ($setup, $sign, $tables, $member, $states, $audit, $edit) = $text =~ /```sql\n(.*?)```/gs;

# what a reader fills in
my ($jwk) = key_jwk();
s/'\{"kty".*?\}'/'$jwk'/ for $setup, $sign;
is((run_block($setup))[0], '', 'setting it up');

my ($error, $token) = run_block($sign);
is($error, '', 'a token to try with');

is((run_block($tables))[0], '', 'a table of one\'s own');
my $before = $node->safe_psql('wrk', 'SELECT pg_current_snapshot()');
$node->safe_psql('wrk', q{INSERT INTO invoice (tenant_id, customer_id, total) VALUES ('acme', 7, 100), ('other', 8, 1)});
is($node->safe_psql('wrk', "SELECT type, channels FROM wrk.gateway_fetch('$before') WHERE tenant_id = 'acme'"),
	'invoice.created|{tenant:acme:customer:7}', 'whose rows are events');

like((run_block("SELECT wrk.gateway_subscribe('$token', 'customer:7')"))[1],
	qr/"channel": "tenant:acme:customer:7"/, 'that may be followed');
like((run_block("SELECT wrk.gateway_subscribe('$token', 'customer:8')"))[0],
	qr/no channel "customer:8"/, 'but not by another tenant');

$member =~ s/eyJhbGciOi\.\.\./$token/;
($error, my $rows) = run_block($member);
is($error, '', 'a statement on behalf of a user');
like($rows, qr/^acme\|/m, 'sees the rows of its tenant');
unlike($rows, qr/^other\|/m, 'and of no other');

$node->safe_psql('wrk', "INSERT INTO wrk.role (name, bit) VALUES ('ops', 3) ON CONFLICT DO NOTHING");
is((run_block($states))[0], '', 'states of one\'s own');
is($node->safe_psql('wrk', "SELECT from_state, to_state FROM wrk.state_change WHERE entity = 'invoice' AND row_id = '1' ORDER BY id"),
	'draft|sent', 'that a row goes through');
$node->psql('wrk', "UPDATE invoice SET status = 'paid' WHERE id = 1", stderr => \my $refused);
like($refused, qr/only an identity may take invoice from "sent" to "paid"/, 'and for nobody else');

($error, my $told) = run_block($audit);
is($error, '', 'what became of a row');
like($told, qr/\|olga\|u\|invoice\.status\.paid\|/, 'and who did it');
like($told, qr/^\{"changed": true, "change_id": \d+, "conflicts": \[\]\}$/m, 'a change is taken back');
is($node->safe_psql('wrk', 'SELECT total, status FROM invoice WHERE id = 1'), '100|paid', 'and what came after it is left');

my ($merged) = $edit =~ /^-- (\{.*\})$/m;
like((run_block($edit))[1], qr/^\Q$merged\E$/m, 'an edit is merged');

# the section as a reader pastes it: one block after the other, nothing between
$node->safe_psql('postgres', 'CREATE DATABASE pasted');
(my $alone = $setup) =~ s/^CREATE ROLE.*\n//m;
($error, my $pasted) = run_block("$alone$tables$member$states$audit$edit", 'pasted');
is($error, '', 'the blocks follow from each other');
like($pasted, qr/^\Q$merged\E$/m, 'up to the last');
is($node->safe_psql('pasted', 'SELECT id, total, status, version FROM invoice'), '1|130|paid|2', 'with one invoice that went all the way');

my ($people, $login) = $text =~ /```sql\n(CREATE EXTENSION pgcrypto.*?)```.*?```sql\n(SELECT copilot\.login_password.*?;)/s;
is((run_block($people))[0], '', 'the first person of an installation');
$login =~ s/'\.\.\.'/'correct horse battery'/;
like((run_block($login))[1], qr/"roles": \["admin", "ops_admin"\]/, 'logs in, as an admin');
my ($calls) = $text =~ /The calls: `(.*?)`/;
unlike((run_block($calls))[1], qr/\|$/m, 'every call says what it takes');

# proofs for outsiders, of another place and other sizes
my $dir = PostgreSQL::Test::Utils::tempdir();
my ($outside) = $text =~ /```\n(psql[^`]*tools\/audit-check[^`]*)```/s;
$node->safe_psql('wrk', q{SELECT wrk.seal()});
my $kept = $node->safe_psql('wrk', q{SELECT wrk.audit_head('acme') -> 'size'});
my $next = $kept + 1;
my $row = $node->safe_psql('wrk', q{SELECT max(id) FROM wrk.audit_log WHERE tenant_id = 'acme'});
$outside =~ s/'acme', \d+, \d+/'acme', $kept, $next/;
$outside =~ s/audit_proof\(\d+\)/audit_proof($row)/;
$outside =~ s/-XAtd app/-XAtd wrk/g;
local @ENV{qw(PGHOST PGPORT)} = ($node->host, $node->port);
$outside =~ s{^tools/}{$FindBin::RealBin/../../tools/}m;
my ($some_day, $later) = $outside =~ /(.*?kept\.json.*?\n)(.*)/s;
command_ok([ 'bash', '-ec', "cd '$dir'; $some_day" ], 'a head is kept');
$node->safe_psql('wrk', q{UPDATE invoice SET total = 70 WHERE id = 1; SELECT wrk.seal()});
command_like([ 'bash', '-ec', "cd '$dir'; $later" ], qr/with $kept rows is how .* with $next begins\nok row $row /,
	'an outsider checks proofs');

$node->stop;
done_testing();
