using CsCheck;
using LlmProxy.Limits;
using LlmProxy.Tests.Storage;
using Xunit;

namespace LlmProxy.Tests.Limits;

/// <summary>
/// Two tokens under one project's roof, on two instances: requests reserve, settle, overrun and are released in any
/// order, limits change, instances rest, stop and are killed, beside a model that only adds up.
/// </summary>
public sealed class LedgerModelTests
{
    private enum Act
    {
        Reserve,
        SettleLess,
        SettleAll,
        Overrun,
        Release,
        Rest,
        Stop,
        Kill,
        ChangeLimit,
    }

    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Whatever_happens_what_is_settled_and_reserved_never_exceeds_a_limit_and_all_of_it_is_counted()
    {
        var step = Gen.Select(
            Gen.Frequency(
                (12, Gen.Const(Act.Reserve)), (5, Gen.Const(Act.SettleLess)), (3, Gen.Const(Act.SettleAll)),
                (1, Gen.Const(Act.Overrun)), (2, Gen.Const(Act.Release)), (2, Gen.Const(Act.Rest)),
                (1, Gen.Const(Act.Stop)), (1, Gen.Const(Act.Kill)), (1, Gen.Const(Act.ChangeLimit))),
            Gen.Int[0, 1], Gen.Int[0, 1], Gen.Int[1, 400]);

        await Gen.Select(Gen.Int[1, 3_000], Gen.Int[1, 3_000], step.Array[1, 60])
            .SampleAsync(async (tokenMax, projectMax, steps) =>
                await new Play(tokenMax, projectMax).RunAsync(steps), iter: 100, threads: 2);
    }

    private sealed class Play(long tokenMax, long projectMax)
    {
        private readonly List<Open> _open = [];
        private readonly long[] _spent = new long[2];
        private readonly long[] _charged = new long[2];
        private readonly Instance[] _instances = new Instance[2];
        private readonly long[] _limits = [tokenMax, tokenMax];
        private readonly long[] _costLimits = [3 * tokenMax, 3 * tokenMax];
        private bool _wasKilled;
        private bool _wasOverrun;

        private long SpentOfProject => _spent[0] + _spent[1];

        public async Task RunAsync((Act Act, int Instance, int Token, int Amount)[] steps)
        {
            using var folder = new DatabaseFolder();
            _instances[0] = await Instance.StartAsync(folder);
            _instances[1] = await Instance.StartAsync(folder);
            var project = await _instances[0].GivenAProjectAsync();
            var tokens = new[]
            {
                await _instances[0].GivenATokenAsync(project), await _instances[0].GivenATokenAsync(project),
            };
            await SetAsync($"UPDATE projects SET max_tokens = {projectMax}, max_cost = {3 * projectMax}");
            await SetAsync($"UPDATE tokens SET max_tokens = {tokenMax}, max_cost = {3 * tokenMax}");

            foreach (var (act, instance, token, amount) in steps)
            {
                await StepAsync(act, folder, instance, tokens[token], token, amount);
            }

            await CheckAtRestAsync(project, tokens);
        }

        private async Task StepAsync(
            Act act, DatabaseFolder folder, int number, TestToken token, int tokenNumber, int amount)
        {
            switch (act)
            {
                case Act.Reserve:
                    await ReserveAsync(number, token, tokenNumber, amount);
                    break;
                case Act.SettleLess when TakeOpen(amount) is { } open:
                    Settle(open, open.Amount * amount / 500);
                    break;
                case Act.SettleAll when TakeOpen(amount) is { } open:
                    Settle(open, open.Amount);
                    break;
                case Act.Overrun when TakeOpen(amount) is { } open:
                    _wasOverrun = true;
                    Settle(open, open.Amount + amount);
                    break;
                case Act.Release when TakeOpen(amount) is { } open:
                    open.Reservation.Release();
                    break;
                case Act.Rest:
                    _instances[number].Clock.Advance(TimeSpan.FromSeconds(1));
                    await _instances[number].Leases.SettleAsync();
                    break;
                case Act.Stop:
                    await _instances[number].StopAsync();
                    break;
                case Act.Kill:
                    _wasKilled = true;
                    _open.RemoveAll(open => open.Instance == number);
                    await _instances[number].DisposeAsync();
                    _instances[number] = await Instance.StartAsync(folder);
                    break;
                case Act.ChangeLimit:
                    await ChangeLimitAsync(token, tokenNumber, amount * 8);
                    break;
                default:
                    break;
            }
        }

        private async Task ReserveAsync(int number, TestToken token, int tokenNumber, int amount)
        {
            var (reservation, refusal) = await _instances[number].EnterAsync(token);
            Assert.Null(refusal);
            refusal = await LimitGate.ReserveAsync(reservation, new Demand(amount, 3 * amount), Aborted);
            if (refusal is not null)
            {
                Assert.Equal(429, refusal.Status);
                reservation.Release();
                return;
            }

            _open.Add(new Open(reservation, number, tokenNumber, amount));
            if (!_wasOverrun)
            {
                var open = _open.Where(one => one.Token == tokenNumber).Sum(static one => one.Amount);
                Assert.True(_spent[tokenNumber] + open <= _limits[tokenNumber], "A token may use more than it has.");
                Assert.True(
                    SpentOfProject + _open.Sum(static one => one.Amount) <= projectMax, "A project gives too much.");
            }
        }

        private void Settle(Open open, long used)
        {
            open.Reservation.Leave();
            open.Reservation.Settle(used, 3 * used);
            open.Reservation.Release();
            open.Reservation.Settle(used, 3 * used);
            _spent[open.Token] += used;
            _charged[open.Token] += Math.Min(used, open.Amount);
        }

        /// <summary>What is open, or was forfeited, counts whatever a limit says, so it is part of it.</summary>
        private async Task ChangeLimitAsync(TestToken token, int tokenNumber, long limit)
        {
            var open = _open.Where(one => one.Token == tokenNumber).Sum(static one => one.Amount);
            var (counted, cost) = await CountsAsync("tokens", token.Id);
            var counting = Math.Max(_wasKilled ? counted : 0, _spent[tokenNumber] + open);
            _limits[tokenNumber] = Math.Max(limit, counting);
            _costLimits[tokenNumber] = Math.Max(3 * _limits[tokenNumber], _wasKilled ? cost : 0);
            await SetAsync(
                $"UPDATE tokens SET max_tokens = {_limits[tokenNumber]}, max_cost = {_costLimits[tokenNumber]}, "
                + $"version = version + 1 WHERE id = '{token.Id}'");
            foreach (var instance in _instances)
            {
                await instance.Issuer.ReloadAsync(token.Id, Aborted);
                await instance.Leases.SettleAsync();
            }
        }

        private async Task CheckAtRestAsync(Guid project, TestToken[] tokens)
        {
            foreach (var open in _open)
            {
                open.Reservation.Leave();
                Settle(open, open.Amount / 2);
            }

            foreach (var instance in _instances)
            {
                foreach (var token in tokens)
                {
                    var grant = await instance.GrantOfAsync(token);
                    Assert.Equal(0, grant.Account.ReservedOf(Unit.Tokens));
                    Assert.Equal(0, grant.Account.ReservedOf(Unit.Cost));
                    Assert.Equal((0, 0), (grant.Account.Running, grant.Project.Account.Running));
                    Assert.Equal(0, grant.Project.Account.ReservedOf(Unit.Tokens));
                }

                await instance.StopAsync();
            }

            for (var i = 0; i < tokens.Length; i++)
            {
                var (count, cost) = await CountsAsync("tokens", tokens[i].Id);
                CheckCount(count, _spent[i], _charged[i], _limits[i]);
                CheckCount(cost, 3 * _spent[i], 3 * _charged[i], _costLimits[i]);
            }

            var (countOfProject, _) = await CountsAsync("projects", project);
            CheckCount(countOfProject, SpentOfProject, _charged.Sum(), projectMax);
            await _instances[0].DisposeAsync();
            await _instances[1].DisposeAsync();
        }

        /// <summary>A crash may forfeit, an overrun counts up to the limit; else it is what was used.</summary>
        private void CheckCount(long counted, long used, long charged, long limit)
        {
            Assert.True(counted <= limit, $"{counted} were counted, and the limit is {limit}.");
            Assert.True(
                _wasKilled || counted >= charged, $"{counted} were counted of {charged} that had been reserved.");
            Assert.True(
                _wasKilled || _wasOverrun || counted == used, $"{counted} were counted, {used} used.");
        }

        private async Task<(long Tokens, long Cost)> CountsAsync(string table, Guid id)
        {
            var counts = await _instances[0].Database.ReadAsync(
                connection => Sql.Texts(
                    connection, $"SELECT token_count || ' ' || cost FROM {table} WHERE id = '{id}'")[0].Split(' '),
                Aborted);
            return (long.Parse(counts[0], null), long.Parse(counts[1], null));
        }

        private Task<int> SetAsync(string sql) =>
            _instances[0].Database.WriteAsync((connection, _) => Sql.Run(connection, sql));

        private Open? TakeOpen(int number)
        {
            if (_open.Count == 0)
            {
                return null;
            }

            var open = _open[number % _open.Count];
            _open.Remove(open);
            return open;
        }
    }

    private sealed record Open(Reservation Reservation, int Instance, int Token, long Amount);
}
