using LlmProxy.EndToEnd.Fixtures;
using Microsoft.Data.Sqlite;

namespace LlmProxy.EndToEnd.Tokens;

/// <summary>Requests run on the event loop itself, so nothing on it may ever wait for the store.</summary>
public sealed class SlowStoreTests
{
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    [Fact]
    public async Task A_store_that_does_not_answer_stalls_nobody_whose_token_is_known()
    {
        await using var upstream = new RawUpstream();
        var route = upstream.Answers(Ok);
        using var folder = new TempFolder();
        var setup = new ProxySetup
        {
            ProviderYaml = ProviderYaml.For(upstream.Address),
            Settings = [("DATABASE_PATH", folder.File("slow.db"))],
        };
        await using var proxy = await ProxyProcess.StartAsync(folder, setup);
        var known = await proxy.Management.CreateTokenAsync();
        var limited = await proxy.Management.CreateTokenAsync(known.ProjectId, maxRequests: 1);
        Assert.Equal(200, (await proxy.GetAsync(route.Path, known.Secret)).Status);

        var answered = 0;
        Task<int> waiting;
        await using (var store = new SqliteConnection($"Data Source={setup.Settings[0].Value};Pooling=False"))
        {
            await store.OpenAsync(TestContext.Current.CancellationToken);
            await using var writer = await store.BeginTransactionAsync(TestContext.Current.CancellationToken);
            waiting = StatusAsync(proxy, limited, route.Path);
            for (; answered < 50; answered++)
            {
                Assert.Equal(200, await StatusAsync(proxy, known, route.Path));
            }

            Assert.False(waiting.IsCompleted);
        }

        Assert.Equal(200, await waiting);
    }

    private static async Task<int> StatusAsync(ProxyProcess proxy, IssuedToken token, string path) =>
        (await proxy.GetAsync(path, token.Secret)).Status;
}
