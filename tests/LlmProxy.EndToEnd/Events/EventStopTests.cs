using System.Globalization;
using System.Text;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Events;

/// <summary>A server that stops has written what happened until then.</summary>
public sealed class EventStopTests
{
    private const int Exchanges = 10_000;
    private const int Clients = 50;

    [Theory]
    [InlineData("metadata")]
    [InlineData("all")]
    public async Task Ten_thousand_exchanges_and_a_SIGTERM_right_after_are_ten_thousand_events(string bodies)
    {
        await using var rig = await EventRig.StartAsync(("OBSERVABILITY_CAPTURE_BODIES", bodies));
        var token = await rig.TokenAsync();
        var asked = new List<string>[Clients];

        await Task.WhenAll(Enumerable.Range(0, Clients).Select(
            async client => asked[client] = await AskAsync(rig, token, client)));
        await rig.Proxy.Process.TerminateAsync();
        var ended = await rig.Proxy.Process.EndAsync();

        var logged = rig.Log.Read();
        Assert.Equal(0, ended.ExitCode);
        Assert.Equal(Exchanges, logged.Count);
        Assert.Equal(
            asked.SelectMany(static ids => ids).Order(StringComparer.Ordinal),
            logged.Select(static one => one.RequestId).Order(StringComparer.Ordinal));
        Assert.Equal(Exchanges, logged.Select(static one => one.EventId).Distinct(StringComparer.Ordinal).Count());
        Assert.All(logged, static one => Assert.Equal((200, "served"), (one.Status, one.Outcome)));
    }

    /// <summary>
    /// Sends its share without waiting for an answer before the next request (RFC 9112 section 9.3.2).
    /// </summary>
    private static async Task<List<string>> AskAsync(EventRig rig, IssuedToken token, int client)
    {
        const int AtOnce = 20;
        var ids = new List<string>();
        await using var connection = await RawClient.ConnectAsync(rig.Proxy.Address);
        while (ids.Count < Exchanges / Clients)
        {
            var requests = new StringBuilder();
            for (var i = 0; i < AtOnce; i++)
            {
                ids.Add(string.Create(CultureInfo.InvariantCulture, $"client-{client}-request-{ids.Count}"));
                requests.Append(rig.Head(ids[^1], "POST", "/v1/simulator/mirror", token.Secret, "{}")).Append("{}");
            }

            await connection.SendAsync(requests.ToString());
            for (var i = 0; i < AtOnce; i++)
            {
                Assert.Equal(200, (await connection.ReadAnswerAsync())?.Status);
            }
        }

        return ids;
    }
}
