using System.Globalization;

namespace LlmProxy.Benchmarks.SideBySide;

/// <summary>
/// The side by side run of <c>make bench</c>: every round starts each contestant afresh and loads it in the same ways,
/// in an order that rotates, so that a noisy neighbour meets all of them. Figures are medians over the rounds, ratios
/// are medians of the ratios within each round.
/// </summary>
internal static class Comparison
{
    public const string Direct = "direct, no proxy";
    public const string Reference = "nginx";
    public const string Rival = "YARP, bare forwarder";
    public const string Ours = "llm-proxy";
    public const string Limited = "llm-proxy, all limits on";
    public const string PostHit = "llm-proxy, the same post from its cache";
    public const string GetHit = "llm-proxy, models from its cache";
    public const string Filled = " tokens stored";
    public const string Before = "llm-proxy, the build before";

    public static async Task<int> RunAsync(Plan plan, CancellationToken aborted)
    {
        var folder = Directory.CreateTempSubdirectory("llm-proxy-bench-").FullName;
        try
        {
            var (report, allocated) = await MeasureAsync(plan, folder, aborted);
            var text = report.ToMarkdown(plan, allocated);
            await Console.Out.WriteLineAsync(text);
            if (plan.Output is { } output)
            {
                Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(output))!);
                await File.WriteAllTextAsync(output, text, aborted);
            }

            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<(Report Report, Allocated Allocated)> MeasureAsync(
        Plan plan, string folder, CancellationToken aborted)
    {
        await using var upstreams = await Upstreams.StartAsync(folder, aborted);
        var server = await ServerUnderTest.PrepareAsync(
            plan.LlmProxy, Path.Combine(folder, "one"), upstreams, Limits.None, aborted);
        var limited = await ServerUnderTest.PrepareAsync(
            plan.LlmProxy, Path.Combine(folder, "limited"), upstreams, Limits.All, aborted);
        List<Contestant> contestants =
        [
            new(Direct, "none", upstreams.Chat, upstreams.Streams, Start: null),
            Nginx(folder, upstreams, server.Token),
            Yarp(plan, folder, upstreams, server.Token),
            new(Ours, server.Token, server.Address, server.Address, server.Start),
            new(Limited, limited.Token, limited.Address, limited.Address, limited.Start),
            new(PostHit, server.Token, server.Address, server.Address, server.Start, ServesAll: false, Hits: "post"),
            new(GetHit, server.Token, server.Address, server.Address, server.Start, ServesAll: false, Hits: "get"),
        ];
        if (plan.Before is { } before)
        {
            var old = await ServerUnderTest.PrepareAsync(
                before, Path.Combine(folder, "before"), upstreams, Limits.None, aborted);
            contestants.Add(new(Before, old.Token, old.Address, old.Address, old.Start));
        }

        if (plan.Tokens > 1)
        {
            contestants.Add(await FilledAsync(plan, folder, upstreams, aborted));
        }

        var report = new Report(contestants.ConvertAll(contestant => contestant.Name));
        for (var round = 0; round < plan.Rounds; round++)
        {
            foreach (var index in Enumerable.Range(round, contestants.Count))
            {
                var contestant = contestants[index % contestants.Count];
                await TellAsync($"round {round + 1} of {plan.Rounds}: {contestant.Name}");
                report.Add(round, contestant.Name, await contestant.MeasureAsync(plan, upstreams, aborted));
            }
        }

        await TellAsync("allocations");
        return (report, await Allocations.MeasureAsync(server, limited, plan, aborted));
    }

    private static Contestant Nginx(string folder, Upstreams upstreams, string token)
    {
        var address = Loopback.FreeAddress();
        var path = Directory.CreateDirectory(Path.Combine(folder, "nginx")).FullName;
        return new Contestant(Reference, token, address, address, () =>
            SideBySide.Nginx.StartProxy(path, address, token, ServerUnderTest.ProviderKey, upstreams));
    }

    private static Contestant Yarp(Plan plan, string folder, Upstreams upstreams, string token)
    {
        var address = Loopback.FreeAddress();
        string[] arguments =
        [
            $"http://{address}",
            $"http://{upstreams.Chat}",
            $"http://{upstreams.Streams}",
            $"Bearer {token}",
            $"Bearer {ServerUnderTest.ProviderKey}",
        ];
        return new Contestant(Rival, token, address, address, () =>
            ChildProcess.Start(plan.Yarp, arguments, folder));
    }

    /// <summary>Ours again, with a full table of tokens: what a request costs must not depend on it.</summary>
    private static async Task<Contestant> FilledAsync(
        Plan plan, string folder, Upstreams upstreams, CancellationToken aborted)
    {
        var server = await ServerUnderTest.PrepareAsync(
            plan.LlmProxy, Path.Combine(folder, "many"), upstreams, Limits.None, aborted);
        await TellAsync($"filling a database with {plan.Tokens} tokens");
        await TokenFill.RunAsync(server.DatabasePath, plan.Tokens, aborted);
        var name = string.Create(CultureInfo.InvariantCulture, $"{Ours}, {plan.Tokens:N0}{Filled}");
        return new Contestant(name, server.Token, server.Address, server.Address, server.Start, ServesAll: false);
    }

    private static Task TellAsync(string progress) => Console.Error.WriteLineAsync(progress);
}
