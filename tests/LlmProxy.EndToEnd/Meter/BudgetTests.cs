using System.Globalization;
using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>
/// Tokens with limits of tokens and money under a project with its own: at no moment, whatever happens, is more used
/// than there is; and what is said to be used is what was used, to the token and to the micro-dollar.
/// </summary>
public sealed class BudgetTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private readonly PriceList _prices = new();
    private readonly List<ProxyProcess> _proxies = [];
    private readonly List<IssuedToken> _tokens = [];
    private Simulator _simulator = null!;
    private IReadOnlyList<TokenLimits> _limits = null!;
    private TokenLimits _roof = null!;

    private ManagementClient Management => _proxies[0].Management;

    public async ValueTask InitializeAsync() => _simulator = await Simulator.StartAsync(_folder);

    public async ValueTask DisposeAsync()
    {
        foreach (var proxy in _proxies)
        {
            await proxy.DisposeAsync();
        }

        await (_simulator?.DisposeAsync() ?? ValueTask.CompletedTask);
        _folder.Dispose();
    }

    [Theory]
    [InlineData(1, 40, 1)]
    [InlineData(10, 8, 1)]
    [InlineData(100, 3, 1)]
    [InlineData(500, 2, 1)]
    [InlineData(100, 3, 2)]
    public async Task What_was_used_is_the_bill_of_the_provider_and_never_above_a_limit(
        int clients, int questions, int instances)
    {
        var run = await RunAsync(clients, questions, instances, isRough: false);

        var told = run.Told.Select(static one => one.Told).ToList();
        await Eventually.AnswersAsync(
            _simulator.BillAsync, bill => bill.Models.Count > 0 && bill.Models.All(line => line.Value == Sum(line.Key)),
            "the bill has what the answers said");
        Assert.Equal(told.Select(static one => one.Model).Distinct(StringComparer.Ordinal).Count(),
            (await _simulator.BillAsync()).Models.Count);
        for (var i = 0; i < _tokens.Count; i++)
        {
            var used = run.Told.Where(one => one.Token == i).Select(one => BalanceOf(one.Told)).ToList();
            Assert.Equal(used.Aggregate(Balance.Nothing, static (sum, one) => sum + one), await UsedAsync(i));
        }

        await AssertNothingIsReservedAsync();

        BillLine Sum(string model)
        {
            var its = told.Where(one => one.Model == model).ToList();
            return new BillLine(its.Count, its.Sum(static one => one.Prompt), its.Sum(static one => one.Cached), 0,
                its.Sum(static one => one.Completion));
        }
    }

    [Theory]
    [InlineData(1, 40, 1)]
    [InlineData(10, 8, 1)]
    [InlineData(100, 3, 1)]
    [InlineData(500, 2, 1)]
    [InlineData(100, 3, 2)]
    public async Task Nothing_is_above_a_limit_or_lost_when_upstream_and_clients_fail(
        int clients, int questions, int instances)
    {
        var run = await RunAsync(clients, questions, instances, isRough: true);

        for (var i = 0; i < _tokens.Count; i++)
        {
            // What broke off has used something too: more than its prompt, and nobody says how much.
            var used = await UsedAsync(i);
            var told = run.Told.Concat(run.Begun).Where(one => one.Token == i).Select(one => BalanceOf(one.Told))
                .ToList().Aggregate(Balance.Nothing, static (sum, one) => sum + one);
            Assert.InRange(used.Tokens, told.Tokens, long.MaxValue);
            Assert.InRange(used.Cost, told.Cost, decimal.MaxValue);
        }

        await AssertNothingIsReservedAsync();
    }

    /// <summary>
    /// Runs to the end, while the limits are watched; then everything is at rest, and has been compared.
    /// </summary>
    private async Task<BudgetRun> RunAsync(int clients, int questions, int instances, bool isRough)
    {
        for (var i = 0; i < instances; i++)
        {
            _proxies.Add(await ProxyProcess.StartAsync(
                _folder, new ProxySetup { ProviderYaml = ProviderYaml.For(_simulator.Address) }));
        }

        await CreateTokensAsync(clients * questions);
        var run = new BudgetRun(_proxies, _tokens, isRough);
        var running = run.RunAsync(Dice.Throw(), clients, questions);
        var samples = await WatchAsync(running);
        await running;

        // One row for each exchange that was settled: when all have one, nothing is on its way any more.
        await Eventually.AnswersAsync(
            () => SumOfUsageAsync("requests"), sum => sum == run.Asked, $"{run.Asked} exchanges are at rest");
        foreach (var other in _proxies.Skip(1))
        {
            // Gives back what it had leased, which would look used otherwise.
            await other.StopAsync();
        }

        await AssertTheAccountsAgreeAsync();
        TestContext.Current.TestOutputHelper!.WriteLine(
            $"{run.Asked} asked, {run.Told.Count} whole, {run.Begun.Count} broken, {run.Refused} refused, "
            + $"{samples} samples, project: {await ProjectUsedAsync()} of {_roof.MaxTokens}, {_roof.MaxCostUsd}");
        return run;
    }

    /// <summary>
    /// Limits that the run comes close to: a token of each kind, under a roof that they cannot all reach theirs under.
    /// </summary>
    private async Task CreateTokensAsync(int requests)
    {
        _limits =
        [
            new TokenLimits { MaxTokens = 200 + (3 * requests) },
            new TokenLimits { MaxCostUsd = (1_000 + (4 * requests)) / 1_000_000m },
            new TokenLimits { MaxTokens = 300 + (3 * requests), MaxCostUsd = (1_500 + (6 * requests)) / 1_000_000m },
        ];
        _roof = new TokenLimits
        {
            MaxTokens = 500 + (6 * requests),
            MaxCostUsd = (3_000 + (9 * requests)) / 1_000_000m,
        };
        var project = await Management.CreateProjectAsync();
        await Management.LimitProjectAsync(project, _roof);
        foreach (var limits in _limits)
        {
            _tokens.Add(await Management.CreateTokenAsync(project, limits));
        }
    }

    /// <summary>Looks at every limit, again and again while it runs, through every instance.</summary>
    private async Task<int> WatchAsync(Task running)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        for (var samples = 1; ; samples++)
        {
            var isOver = running.IsCompleted;
            var proxy = _proxies[samples % _proxies.Count];
            var looks = Enumerable.Range(0, _tokens.Count).Select(i => UsedAsync(i, proxy)).ToList();
            var roof = ProjectUsedAsync(proxy);
            var used = await Task.WhenAll([.. looks, roof]);
            Assert.All(used.Zip([.. _limits, _roof]),
                static one => Assert.True(one.First.IsWithin(one.Second), $"{one.First} of {one.Second}"));
            if (isOver)
            {
                return samples;
            }

            await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Tokens, project and statistics tell the same.</summary>
    private async Task AssertTheAccountsAgreeAsync()
    {
        var sum = Balance.Nothing;
        var usage = await UsageAsync();
        for (var i = 0; i < _tokens.Count; i++)
        {
            var used = await UsedAsync(i);
            var row = usage.Single(row => row.GetProperty("token_id").GetString() == _tokens[i].Id);
            Assert.Equal(used, new Balance(
                row.GetProperty("prompt_tokens").GetInt64() + row.GetProperty("completion_tokens").GetInt64(),
                Dollars(row)));
            sum += used;
        }

        Assert.Equal(sum, await ProjectUsedAsync());
    }

    /// <summary>
    /// When exactly as much is left as a request may need, of tokens and of money, of the token and of the project, it
    /// passes; one that may need one token more does not.
    /// </summary>
    private async Task AssertNothingIsReservedAsync()
    {
        const int OutputMax = 20;
        var fits = ModelQuestion.Chat("river stone", OutputMax);
        var isTooMuch = ModelQuestion.Chat("river stone", OutputMax + 1);
        for (var i = 0; i < _tokens.Count; i++)
        {
            await LimitAsync(i, new Balance(1_000, 1));
            var needs = await NeedsAsync(i, fits);
            var used = await UsedAsync(i);
            await LimitAsync(i, needs);

            Assert.Equal(429, await StatusAsync(i, isTooMuch));
            Assert.Equal(200, await StatusAsync(i, fits));
            await Eventually.AnswersAsync(
                () => UsedAsync(i), now => now.Tokens > used.Tokens, "the request was counted");
        }

        async Task LimitAsync(int token, Balance left)
        {
            var (used, all) = (await UsedAsync(token), await ProjectUsedAsync());
            var limits = new TokenLimits { MaxTokens = used.Tokens + left.Tokens, MaxCostUsd = used.Cost + left.Cost };
            var changed = await Management.SendAsync("PATCH", $"/manage/tokens/{_tokens[token].Id}", limits.ToBody());
            Assert.Equal(200, changed.Status);
            await Management.LimitProjectAsync(_tokens[token].ProjectId,
                new TokenLimits { MaxTokens = all.Tokens + left.Tokens, MaxCostUsd = all.Cost + left.Cost });
        }
    }

    private async Task<int> StatusAsync(int token, ModelQuestion question) =>
        (await _proxies[0].AskAsync(question.For(_proxies[0], _tokens[token].Secret)))!.Status;

    /// <summary>The worst case that is reserved for a request.</summary>
    private async Task<Balance> NeedsAsync(int token, ModelQuestion question)
    {
        var answer = await Management.SendAsync("POST", $"/manage/tokens/{_tokens[token].Id}/explain",
            $$"""{"method":"POST","path":"{{question.Path}}","body":{{question.Body}}}""");
        Assert.Equal(200, answer.Status);
        var needs = answer.Json.GetProperty("needs");
        return new Balance(needs.GetProperty("tokens").GetInt64(), Dollars(needs));
    }

    private async Task<Balance> UsedAsync(int token, ProxyProcess? proxy = null) =>
        BalanceIn(await (proxy?.Management ?? Management).SendAsync("GET", $"/manage/tokens/{_tokens[token].Id}"));

    private async Task<Balance> ProjectUsedAsync(ProxyProcess? proxy = null) => BalanceIn(
        await (proxy?.Management ?? Management).SendAsync("GET", $"/manage/projects/{_tokens[0].ProjectId}"));

    private static Balance BalanceIn(ManagementAnswer answer)
    {
        Assert.Equal(200, answer.Status);
        return new Balance(answer.Json.GetProperty("token_count").GetInt64(), Dollars(answer.Json));
    }

    private async Task<List<JsonElement>> UsageAsync()
    {
        var answer = await Management.SendAsync(
            "GET", $"/manage/usage?group_by=token&project_id={_tokens[0].ProjectId}");
        Assert.Equal(200, answer.Status);
        return [.. answer.Json.GetProperty("data").EnumerateArray()];
    }

    private async Task<long> SumOfUsageAsync(string member) =>
        (await UsageAsync()).Sum(row => row.GetProperty(member).GetInt64());

    private static decimal Dollars(JsonElement owner) =>
        decimal.Parse(owner.GetProperty("cost_usd").GetString()!, CultureInfo.InvariantCulture);

    private Balance BalanceOf(Told told) => new(told.Tokens, _prices.CostOf(told));
}
