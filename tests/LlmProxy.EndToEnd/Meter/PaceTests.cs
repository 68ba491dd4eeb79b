using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>Five hundred clients at once against the limits of pace: a minute's worth passes, and no more.</summary>
public sealed class PaceTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    private const int Clients = 500;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task No_more_requests_run_at_a_time_than_may(bool isOfProject)
    {
        const int Limit = 20;
        var mayEnd = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var route = rig.Upstream.Does(async exchange =>
        {
            await mayEnd.Task;
            await exchange.WriteAsync(Ok);
        });
        var token = await TokenAsync(rig.Proxy, new TokenLimits { MaxConcurrent = Limit }, isOfProject);
        string Request(int client) => rig.Proxy.Head("GET", $"{route.Path}?{client}", token.Secret);
        await using var clients = await Crowd.ConnectAsync(rig.Proxy.Address, Clients);
        var refused = 0;

        var asking = clients.AskAsync(
            Request, answer => Interlocked.Add(ref refused, answer.Status == 429 ? 1 : 0));
        await Eventually.HoldsAsync(
            () => route.Requests.Count + Volatile.Read(ref refused) >= Clients, "all others were refused");
        var (running, refusedMeanwhile) = (route.Requests.Count, Volatile.Read(ref refused));
        mayEnd.SetResult();
        var answers = await asking;

        Assert.Equal((Limit, Clients - Limit), (running, refusedMeanwhile));
        AssertAreRefusals(answers.Where(static answer => answer.Status != 200), $"{Owner(isOfProject)}.max_concurrent");
        await Eventually.AnswersAsync(
            () => rig.Proxy.AskAsync(Request(0)), static answer => answer!.Status == 200, "a place was free again");
    }

    [Fact]
    public async Task No_more_requests_run_at_a_time_than_may_while_they_come_and_go()
    {
        const int Limit = 10;
        var (running, most) = (0, 0);
        var route = rig.Upstream.Does(async exchange =>
        {
            // It runs until its answer is on its way, which is before the proxy can let the next one in.
            var now = Interlocked.Increment(ref running);
            InterlockedMax(ref most, now);
            await exchange.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
            Interlocked.Decrement(ref running);
            await exchange.WriteAsync("k");
        });
        var token = await TokenAsync(rig.Proxy, new TokenLimits { MaxConcurrent = Limit }, isOfProject: false);
        string Request(int client) => rig.Proxy.Head("GET", $"{route.Path}?{client}", token.Secret);
        await using var clients = await Crowd.ConnectAsync(rig.Proxy.Address, Clients);

        var passed = 0;
        for (var round = 0; round < 4; round++)
        {
            passed += (await clients.AskAsync(Request)).Count(static answer => answer.Status == 200);
        }

        Assert.InRange(most, 1, Limit);
        Assert.Equal(passed, route.Requests.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_minutes_worth_of_requests_passes_at_once_and_no_more(bool isOfProject)
    {
        const int Limit = 30;
        var route = rig.Upstream.Answers(Ok);
        var token = await TokenAsync(rig.Proxy, new TokenLimits { RequestsPerMinute = Limit }, isOfProject);
        var request = rig.Proxy.Head("GET", route.Path, token.Secret);
        await using var clients = await Crowd.ConnectAsync(rig.Proxy.Address, Clients);

        var started = Stopwatch.GetTimestamp();
        var answers = await clients.AskAsync(_ => request);
        var passed = answers.Count(static answer => answer.Status == 200);

        Assert.InRange(passed, Limit, Limit + FlownOff(started, Limit));
        Assert.Equal(passed, route.Requests.Count);
        AssertAreRefusals(
            answers.Where(static answer => answer.Status != 200), $"{Owner(isOfProject)}.requests_per_minute");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_minutes_worth_of_tokens_passes_at_once_and_no_more(bool isOfProject)
    {
        const int Limit = 2_000;
        const int Each = 60;
        using var folder = new TempFolder();
        await using var simulator = await Simulator.StartAsync(folder);
        await using var proxy = await ProxyProcess.StartAsync(
            folder, new ProxySetup { ProviderYaml = ProviderYaml.For(simulator.Address) });
        var token = await TokenAsync(proxy, new TokenLimits { TokensPerMinute = Limit }, isOfProject);
        await using var clients = await Crowd.ConnectAsync(proxy.Address, Clients);
        var question = ModelQuestion.Chat("river stone", Each) with
        {
            Wishes = [string.Create(CultureInfo.InvariantCulture, $"x-simulator-usage: prompt=2,completion={Each}")],
        };

        var started = Stopwatch.GetTimestamp();
        var answers = await clients.AskAsync(_ => question.For(proxy, token.Secret));
        var used = answers.Where(static answer => answer.Status == 200)
            .Sum(answer => question.UsageIn(answer.Body.Text).Tokens);

        // Each reserves more than it uses, for a byte may be a token, so some are refused that would have fitted. What
        // they gave back is there for those who come later.
        var atLeast = Limit / (Each + (2 * question.Body.Length)) * (Each + 2);
        Assert.InRange(used, atLeast, Limit + FlownOff(started, Limit));
        while (await proxy.AskAsync(question.For(proxy, token.Secret)) is { Status: 200 } later)
        {
            used += question.UsageIn(later.Body.Text).Tokens;
        }

        Assert.InRange(used, atLeast, Limit + FlownOff(started, Limit));
        AssertAreRefusals(
            answers.Where(static answer => answer.Status != 200), $"{Owner(isOfProject)}.tokens_per_minute");
    }

    [Fact]
    public async Task Each_address_has_its_own_minute_when_a_trusted_proxy_names_it()
    {
        const int Limit = 20;
        const int Addresses = 5;
        var answers = await AskFromAsync(Addresses, ("IP_RATE_LIMIT", "20"), ("TRUSTED_PROXIES", "127.0.0.0/8"));

        for (var address = 0; address < Addresses; address++)
        {
            var its = answers.Answers.Where((_, client) => client % Addresses == address).ToList();
            Assert.InRange(its.Count(static answer => answer.Status == 200), Limit, Limit + answers.FlownOff(Limit));
            AssertAreRefusals(its.Where(static answer => answer.Status != 200), "address.requests_per_minute");
        }
    }

    [Fact]
    public async Task A_made_up_address_gets_nobody_a_minute_of_its_own()
    {
        const int Limit = 20;
        var answers = await AskFromAsync(Clients, ("IP_RATE_LIMIT", "20"));

        Assert.InRange(
            answers.Answers.Count(static answer => answer.Status == 200), Limit, Limit + answers.FlownOff(Limit));
        AssertAreRefusals(
            answers.Answers.Where(static answer => answer.Status != 200), "address.requests_per_minute");
    }

    [Fact]
    public async Task All_addresses_together_get_no_more_than_the_minute_of_all()
    {
        const int Limit = 50;
        var answers = await AskFromAsync(Clients, ("GLOBAL_RATE_LIMIT", "50"), ("TRUSTED_PROXIES", "127.0.0.0/8"));

        Assert.InRange(
            answers.Answers.Count(static answer => answer.Status == 200), Limit, Limit + answers.FlownOff(Limit));
        AssertAreRefusals(answers.Answers.Where(static answer => answer.Status != 200), "global.requests_per_minute");
    }

    /// <summary>All clients ask once, each in the name of one of so many addresses.</summary>
    private async Task<(RawAnswer[] Answers, Func<int, int> FlownOff)> AskFromAsync(
        int addresses, params (string Name, string Value)[] settings)
    {
        var route = rig.Upstream.Answers(Ok);
        using var folder = new TempFolder();
        await using var proxy = await ProxyProcess.StartAsync(folder, new ProxySetup
        {
            ProviderYaml = ProviderYaml.For(rig.Upstream.Address),
            Settings = settings,
        });
        var token = await proxy.Management.CreateTokenAsync();
        await using var clients = await Crowd.ConnectAsync(proxy.Address, Clients);

        var started = Stopwatch.GetTimestamp();
        var answers = await clients.AskAsync(client => proxy.Head("GET", route.Path, token.Secret, [string.Create(
            CultureInfo.InvariantCulture,
            $"X-Forwarded-For: 203.0.{client % addresses / 200}.{1 + (client % addresses % 200)}")]));
        var elapsed = Stopwatch.GetElapsedTime(started);
        Assert.Equal(answers.Count(static answer => answer.Status == 200), route.Requests.Count);
        return (answers, perMinute => FlownOff(elapsed, perMinute));
    }

    private static void AssertAreRefusals(IEnumerable<RawAnswer> answers, string param)
    {
        Assert.All(answers, answer =>
        {
            using var body = JsonDocument.Parse(answer.Body.Text);
            var error = body.RootElement.GetProperty("error");
            Assert.Equal(
                (429, "rate_limit_exceeded", param),
                (answer.Status, error.GetProperty("code").GetString(), error.GetProperty("param").GetString()));
            Assert.InRange(int.Parse(answer.Head.Value("Retry-After")!, CultureInfo.InvariantCulture), 1, 60);
        });
    }

    private static async Task<IssuedToken> TokenAsync(ProxyProcess proxy, TokenLimits limits, bool isOfProject)
    {
        var project = await proxy.Management.CreateProjectAsync();
        if (!isOfProject)
        {
            return await proxy.Management.CreateTokenAsync(project, limits);
        }

        await proxy.Management.LimitProjectAsync(project, limits);
        return await proxy.Management.CreateTokenAsync(project);
    }

    private static string Owner(bool isOfProject) => isOfProject ? "project" : "token";

    /// <summary>What may have become free again since then.</summary>
    private static int FlownOff(long started, int perMinute) =>
        FlownOff(Stopwatch.GetElapsedTime(started), perMinute);

    private static int FlownOff(TimeSpan elapsed, int perMinute) => (int)(elapsed.TotalMinutes * perMinute) + 1;

    private static void InterlockedMax(ref int most, int now)
    {
        for (var seen = Volatile.Read(ref most); now > seen;)
        {
            var before = Interlocked.CompareExchange(ref most, now, seen);
            seen = before == seen ? now : before;
        }
    }
}
