using System.Net.Sockets;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>A thousand callers run for a hundred requests, over and over, and through a crash.</summary>
public sealed class RequestRaceTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    private const int Limit = 100;
    private const int Callers = 1_000;

    [Fact]
    public async Task In_each_of_fifty_rounds_a_thousand_callers_get_exactly_the_hundred_requests_there_are()
    {
        const int Rounds = 50;
        await using var callers = await Crowd.ConnectAsync(rig.Proxy.Address, Callers);
        var rounds = new List<(int Passed, int Refused, int Seen, long Counted)>();
        for (var round = 0; round < Rounds; round++)
        {
            var route = rig.Upstream.Answers(Ok);
            var token = await rig.Proxy.Management.CreateTokenAsync(rig.Token.ProjectId, Limit);
            var request = rig.Proxy.Head("GET", route.Path, token.Secret);

            var answers = await callers.AskAsync(_ => request);

            rounds.Add((
                answers.Count(static answer => answer.Status == 200),
                answers.Count(static answer => answer.Status == 429),
                route.Requests.Count,
                await rig.Proxy.Management.RequestCountAsync(token)));
        }

        Assert.Equal(Enumerable.Repeat((Limit, Callers - Limit, Limit, (long)Limit), Rounds), rounds);
    }

    [Fact]
    public async Task A_thousand_callers_never_get_more_than_the_hundred_requests_when_the_proxy_is_killed_among_them()
    {
        var (seen, counted) = await RaceThroughACrashAsync(Callers, killAt: 40);

        Assert.InRange(seen, 40, Limit);
        Assert.Equal(Limit, counted);
    }

    [Fact]
    public async Task A_killed_proxy_forfeits_no_more_than_the_one_lease_that_it_had_in_hand()
    {
        // All eight have a request at the upstream when it is killed: what is missing then was in the lease.
        const int Few = 8;
        var (seen, counted) = await RaceThroughACrashAsync(Few, killAt: 40 + Few - 1);

        // A lease is a 32nd of what remains, or as much as those who wait for it want together.
        Assert.InRange(Limit - seen, 0, Math.Max(Limit / 32, Few));
        Assert.Equal(Limit, counted);
    }

    /// <summary>
    /// The upstream answers 39 requests and holds the others, until so many have come; then the proxy is killed and
    /// started again, and everybody asks until there is nothing left.
    /// </summary>
    /// <returns>What the upstream saw in all, and what the proxy says was used.</returns>
    private static async Task<(int Seen, long Counted)> RaceThroughACrashAsync(int callers, int killAt)
    {
        const int Answered = 39;
        var (arrived, isRestarted) = (0, false);
        var mayKill = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = new RawUpstream();
        var route = upstream.Does(async exchange =>
        {
            var number = Interlocked.Increment(ref arrived);
            if (number >= killAt)
            {
                mayKill.TrySetResult();
            }

            await (number <= Answered || Volatile.Read(ref isRestarted)
                ? exchange.WriteAsync(Ok)
                : exchange.WaitUntilGoneAsync());
        });
        using var folder = new TempFolder();
        var setup = new ProxySetup { ProviderYaml = ProviderYaml.For(upstream.Address) };
        await using var first = await ProxyProcess.StartAsync(folder, setup);
        var token = await first.Management.CreateTokenAsync(Limit);
        var race = RaceAsync(first, callers, first.Head("GET", route.Path, token.Secret));
        await mayKill.Task.WaitAsync(Eventually.Patience, TestContext.Current.CancellationToken);
        await first.Process.KillAsync();
        await race;

        Volatile.Write(ref isRestarted, true);
        await using var second = await ProxyProcess.StartAsync(folder, setup);
        await RaceAsync(second, callers, second.Head("GET", route.Path, token.Secret));
        await Eventually.AnswersAsync(
            () => second.GetAsync(route.Path, token.Secret), static answer => answer.Status == 429, "all was spent");
        return (route.Requests.Count, await second.Management.RequestCountAsync(token));
    }

    /// <summary>Each asks again and again until there is nothing left, or nobody who would answer.</summary>
    private static Task RaceAsync(ProxyProcess proxy, int callers, string request) =>
        Task.WhenAll(Enumerable.Range(0, callers).Select(async _ =>
        {
            try
            {
                await using var client = await RawClient.ConnectAsync(proxy.Address);
                do
                {
                    await client.TrySendAsync(request);
                }
                while (await client.ReadAnswerAsync() is { Status: 200 });
            }
            catch (SocketException)
            {
                // It was killed before this one came.
            }
        }));
}
