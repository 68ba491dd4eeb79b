using System.Text;
using System.Text.RegularExpressions;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Hostile;

/// <summary>Thousands of requests that were right before chance went over them.</summary>
public sealed partial class MutationTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const int Requests = 3_000;
    private const int Lanes = 6;

    private static readonly string[] Splinters =
    [
        "\r\n", "\n", "\r", "\0", " ", ":", "\t", "\u00ff", "\u0080", "%00", "%2e%2e/", "//", "\\", "HTTP/1.0",
        "HTTP/1.1", "Transfer-Encoding: chunked\r\n", "Host: evil.test\r\n", "Content-Length: 3\r\n",
        "Expect: 100-continue\r\n",
        "Connection: close, Authorization\r\n", "Upgrade: websocket\r\nConnection: Upgrade\r\n", "0\r\n\r\n",
        "ffffffff\r\n",
    ];

    [Fact]
    public async Task The_proxy_never_answers_a_mutated_request_with_a_failure_of_its_own()
    {
        var dice = Dice.Throw();
        var echo = rig.Upstream.Does(static async exchange =>
            await exchange.AnswerAsync(200, (await exchange.ReadBodyAsync()).Content));

        var failures = await Task.WhenAll(
            Enumerable.Range(0, Lanes).Select(_ => MutateAsync(echo.Path, dice.Split(), Requests / Lanes)));

        var all = failures.SelectMany(static some => some).ToList();
        Assert.True(all.Count == 0, string.Join('\n', all));
        Assert.Equal(200, (await rig.GetAsync("/health")).Status);
        Assert.All(echo.Requests, static request => Assert.Matches("^[A-Z]+ /[^ ]+ HTTP/1.1$", request.Head.FirstLine));
    }

    private async Task<List<string>> MutateAsync(string path, Dice dice, int count)
    {
        string[] seeds =
        [
            rig.Head("GET", path + "?limit=3", "Connection: close"),
            rig.Head("POST", path, "Content-Type: application/json", "Content-Length: 18", "Connection: close")
                 + """{"model":"gpt-4o"}""",
            rig.Head("POST", path, "Transfer-Encoding: chunked", "Connection: close")
                + "9\r\n{\"a\": 1}\n\r\n3;x=y\r\nend\r\n0\r\nX-Trailer: 1\r\n\r\n",
            rig.Head("DELETE", path, "Content-Length: 0", "X-Request-ID: abc", "TE: trailers", "Connection: close, TE"),
            rig.Head("GET", "/health") + rig.Head("GET", path, "Connection: close"),
        ];
        var failures = new List<string>();
        for (var i = 0; i < count; i++)
        {
            var request = Mutated(dice.Pick(seeds), dice);
            await using var client = await rig.ConnectAsync();
            await client.TrySendAsync(request);
            var said = await client.ReadUntilQuietAsync(TimeSpan.FromMilliseconds(40));
            if (OwnFailure().IsMatch(said))
            {
                failures.Add($"{Escaped(request)}\n  → {Escaped(said)}");
            }
        }

        return failures;
    }

    private static string Mutated(string request, Dice dice)
    {
        var text = new StringBuilder(request);
        for (var changes = 1 + dice.Below(4); changes > 0 && text.Length > 1; changes--)
        {
            var at = dice.Below(text.Length);
            switch (dice.Below(5))
            {
                case 0:
                    text[at] = (char)dice.Below(256);
                    break;
                case 1:
                    text.Remove(at, Math.Min(1 + dice.Below(12), text.Length - at));
                    break;
                case 2:
                    text.Insert(at, text.ToString(at, Math.Min(1 + dice.Below(40), text.Length - at)));
                    break;
                default:
                    text.Insert(at, dice.Pick(Splinters));
                    break;
            }
        }

        return text.ToString();
    }

    private static string Escaped(string text) => Uri.EscapeDataString(text);

    /// <summary>Any 5xx but 505, which tells a client that its HTTP is of another age.</summary>
    [GeneratedRegex(@"HTTP/1\.1 5(?!05)\d\d ", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex OwnFailure();
}
