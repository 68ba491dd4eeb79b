using System.Globalization;
using LlmProxy.Benchmarks.Load;

namespace LlmProxy.Benchmarks.SideBySide;

/// <summary>
/// What live tokens add to resident memory. A fresh process serves as many requests of one token, so that its heap has
/// the size that traffic gives it; then each token is used once.
/// </summary>
internal static class TokenMemory
{
    private const int Clients = 32;

    // Counts are settled, leases are back and statistics written: what remains is what a live token costs.
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(10);

    public static async Task<int> RunAsync(int count, string program, CancellationToken aborted)
    {
        var folder = Directory.CreateTempSubdirectory("llm-proxy-memory-").FullName;
        try
        {
            await using var upstreams = await Upstreams.StartAsync(folder, aborted);
            await MeasureAsync("no limits", Limits.None, Limits.None);
            await MeasureAsync("all numeric limits", Limits.Numeric, Limits.Numeric);
            return 0;

            async Task MeasureAsync(string name, Limits ofProject, Limits ofTokens)
            {
                var path = Path.Combine(folder, name.Replace(' ', '-'));
                var server = await ServerUnderTest.PrepareAsync(program, path, upstreams, ofProject, aborted);
                var tokens = await CreateAsync(server, ofTokens, count, aborted);
                await using var process = server.Start();
                await Loopback.WaitForAnswerAsync(server.Address, server.Token, process, aborted);
                Use(server, _ => server.Token, count);
                await Task.Delay(Settling, TimeProvider.System, aborted);
                var before = process.ResidentMebibytes;
                Use(server, index => tokens[index], count);
                var atOnce = process.ResidentMebibytes;
                await Task.Delay(Settling, TimeProvider.System, aborted);
                var after = process.ResidentMebibytes;
                await Console.Out.WriteLineAsync(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{count:N0} tokens, {name}: {before:0.0} MiB before, {atOnce:0.0} at the end of the load, "
                    + $"{after:0.0} after {Settling.TotalSeconds:0} s; {after - before:0.0} more, "
                    + $"peak {process.PeakMebibytes:0.0}"));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<string[]> CreateAsync(
        ServerUnderTest server, Limits limits, int count, CancellationToken aborted)
    {
        await using var process = server.Start();
        await Loopback.WaitUntilListeningAsync(server.Address, process, aborted);
        using var management = new HttpMessageInvoker(new SocketsHttpHandler { UseProxy = false });
        var tokens = new string[count];
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = 128, CancellationToken = aborted };
        await Parallel.ForAsync(0, count, parallel, async (index, cancelled) =>
            tokens[index] = await server.CreateTokenAsync(management, server.Project, limits, cancelled));
        return tokens;
    }

    /// <summary>So many requests over a few connections, each with the token that belongs to its number.</summary>
    private static void Use(ServerUnderTest server, Func<int, string> tokenOf, int count)
    {
        var next = -1;
        var clients = Enumerable.Range(0, Clients).Select(_ => new Thread(Ask)).ToList();
        clients.ForEach(static client => client.Start());
        clients.ForEach(static client => client.Join());

        void Ask()
        {
            using var connection = new SingleConnection(server.Address, server.Token);
            for (var index = Interlocked.Increment(ref next); index < count; index = Interlocked.Increment(ref next))
            {
                connection.Use(tokenOf(index));
                if (!connection.Ask())
                {
                    throw new IOException($"Request {index} was not answered with 200: {connection.LastAnswer}");
                }
            }
        }
    }
}
