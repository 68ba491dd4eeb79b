using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>Realtime sessions are metered answer by answer, and end before a limit could be exceeded.</summary>
public sealed class RealtimeUsageTests(MeterRig rig) : IClassFixture<MeterRig>
{
    private const string Priced = "gpt-realtime";
    private const string Unpriced = "nobodys-realtime";

    [Theory]
    [InlineData(null)]
    [InlineData(1_000_000)]
    public async Task What_the_answers_of_a_session_used_is_added_up(int? maxTokens)
    {
        var token = await rig.TokenAsync(new TokenLimits { MaxTokens = maxTokens });
        using (var socket = await ConnectAsync(token, Priced))
        {
            Assert.Equal("response.done", await RespondAsync(socket, "prompt=100,completion=20,cached=30"));
            Assert.Equal("response.done", await RespondAsync(socket, "prompt=200,completion=40,audio_in=50"));
            Assert.Equal("response.done", await RespondAsync(socket, "prompt=300,completion=60,audio_out=7"));
            await CloseAsync(socket);
        }

        var used = new Metered(600, 120, Cached: 30, AudioPrompt: 50, AudioCompletion: 7);
        var cost = ListedPrices.CostOf(used);
        var line = await rig.LineAsync(token);
        Assert.Equal((101, "reported", 600, 120, cost, ""),
            (line.Status, line.Source, line.Prompt, line.Completion, line.Cost, line.Faults));
        var row = await rig.RowAsync(token);
        Assert.Equal((used, cost, 1L),
            (Metered.In(row), row.GetProperty("cost_usd").GetString(), Metered.Number(row, "requests")));
        Assert.Equal((used.Total, cost), await rig.SpentAsync(token));
    }

    /// <summary>Two answers fit with the worst case of a third still left; behind the next one it is not.</summary>
    [Theory]
    [InlineData(Priced, MeterRig.WorstCaseOfRealtime)]
    [InlineData(Unpriced, MeterRig.WorstCaseOfUnknown)]
    public async Task A_session_ends_when_the_next_worst_case_is_not_left(string model, int worst)
    {
        var cap = worst + 2_000;
        var token = await rig.TokenAsync(new TokenLimits { MaxTokens = cap });
        using var socket = await ConnectAsync(token, model);

        Assert.Equal("response.done", await RespondAsync(socket, "prompt=900,completion=100"));
        Assert.Equal("response.done", await RespondAsync(socket, "prompt=900,completion=100"));
        Assert.Equal("response.done", await RespondAsync(socket, "prompt=900,completion=100"));

        await AssertEndsAsync(socket);
        var line = await rig.LineAsync(token);
        Assert.Equal(("reported", 3_000), (line.Source, line.Prompt + line.Completion));
        Assert.Equal(3_000, (await rig.SpentAsync(token)).Tokens);
        Assert.Equal(429, await RefusalOfAsync(token, model));
        Assert.Equal(3_000, (await rig.SpentAsync(token)).Tokens);
    }

    [Fact]
    public async Task A_session_for_whose_first_answer_too_little_is_left_does_not_begin()
    {
        var little = await rig.TokenAsync(new TokenLimits { MaxTokens = MeterRig.WorstCaseOfRealtime - 1 });
        var enough = await rig.TokenAsync(new TokenLimits { MaxTokens = MeterRig.WorstCaseOfRealtime });

        Assert.Equal(429, await RefusalOfAsync(little, Priced));
        using var socket = await ConnectAsync(enough, Priced);

        Assert.Equal("response.done", await RespondAsync(socket, "prompt=2000,completion=500"));
        await AssertEndsAsync(socket);
        Assert.Equal(0, (await rig.SpentAsync(little)).Tokens);
        await rig.LineAsync(enough);
        Assert.Equal(MeterRig.WorstCaseOfRealtime, (await rig.SpentAsync(enough)).Tokens);
    }

    [Fact]
    public async Task A_session_under_a_limit_of_money_ends_before_it_is_exceeded()
    {
        // The worst case: 2,000 audio tokens in for $40 and 500 out for $80 a million are $0.12.
        var token = await rig.TokenAsync(new TokenLimits { MaxCostUsd = 0.13m });
        using var socket = await ConnectAsync(token, Priced);

        Assert.Equal("response.done", await RespondAsync(socket, "prompt=1000,completion=100"));
        Assert.Equal("response.done", await RespondAsync(socket, "prompt=1000,completion=500,audio_in=900"));

        await AssertEndsAsync(socket);
        const string Cost = "0.044750";
        Assert.Equal(Cost, (await rig.LineAsync(token)).Cost);
        Assert.Equal((2_600, Cost), await rig.SpentAsync(token));
    }

    [Fact]
    public async Task A_model_without_a_price_has_no_session_under_a_limit_of_money()
    {
        var token = await rig.TokenAsync(new TokenLimits { MaxCostUsd = 100 });

        Assert.Equal(403, await RefusalOfAsync(token, Unpriced));
    }

    [Fact]
    public async Task A_session_takes_its_place_among_the_concurrent_ones_as_long_as_it_lives()
    {
        var token = await rig.TokenAsync(new TokenLimits { MaxConcurrent = 1 });
        using (var first = await ConnectAsync(token, Priced))
        {
            Assert.Equal("response.done", await RespondAsync(first, "prompt=10,completion=1"));
            Assert.Equal(429, await RefusalOfAsync(token, Priced));
            Assert.Equal("response.done", await RespondAsync(first, "prompt=10,completion=1"));
            await CloseAsync(first);
        }

        await rig.LinesAsync(token, 2);
        using var second = await ConnectAsync(token, Priced);
        Assert.Equal("response.done", await RespondAsync(second, "prompt=10,completion=1"));
    }

    [Theory]
    [InlineData("negative")]
    [InlineData("huge")]
    [InlineData("fraction")]
    [InlineData("string")]
    [InlineData("none")]
    public async Task An_answer_whose_usage_is_a_lie_has_used_all_that_was_reserved_for_it(string form)
    {
        const int Cap = (2 * MeterRig.WorstCaseOfRealtime) + 1;
        var token = await rig.TokenAsync(new TokenLimits { MaxTokens = Cap });
        using var socket = await ConnectAsync(token, Priced);

        Assert.Equal("response.done", await RespondAsync(socket, form));
        Assert.Equal("response.done", await RespondAsync(socket, form));

        await AssertEndsAsync(socket);
        Assert.Equal(form == "none" ? "" : "implausible", (await rig.LineAsync(token)).Faults);
        Assert.Equal(2 * MeterRig.WorstCaseOfRealtime, (await rig.SpentAsync(token)).Tokens);
        rig.AssertNothingFailed();
    }

    private async Task<ClientWebSocket> ConnectAsync(IssuedToken token, string model)
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", $"Bearer {token.Secret}");
        var address = new Uri($"ws://{rig.Proxy.Address.Authority}/v1/realtime?model={model}");
        await socket.ConnectAsync(address, TestContext.Current.CancellationToken);
        return socket;
    }

    /// <summary>The status with which no session begins.</summary>
    private async Task<int> RefusalOfAsync(IssuedToken token, string model)
    {
        var answer = await rig.Proxy.GetAsync(
            $"/v1/realtime?model={model}", token.Secret, "Connection: Upgrade", "Upgrade: websocket",
            "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==");
        return answer.Status;
    }

    /// <summary>Asks for an answer that uses so much and reads up to its end, whose type is answered.</summary>
    private static async Task<string?> RespondAsync(ClientWebSocket socket, string usage)
    {
        var ask = JsonSerializer.SerializeToUtf8Bytes(
            new { type = "response.create", response = new { metadata = new { usage } } });
        await socket.SendAsync(ask, WebSocketMessageType.Text, true, TestContext.Current.CancellationToken);
        string? type;
        do
        {
            type = await ReceiveTypeAsync(socket);
        }
        while (type is not ("response.done" or "error" or null));
        return type;
    }

    private static async Task<string?> ReceiveTypeAsync(ClientWebSocket socket)
    {
        var message = new List<byte>();
        var buffer = new byte[16 * 1024];
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken)
                .WaitAsync(Eventually.Patience, TestContext.Current.CancellationToken);
            message.AddRange(buffer.AsSpan(0, part.Count));
            if (part.EndOfMessage)
            {
                using var document = JsonDocument.Parse(Encoding.UTF8.GetString([.. message]));
                return document.RootElement.GetProperty("type").GetString();
            }
        }
    }

    private static async Task AssertEndsAsync(ClientWebSocket socket)
    {
        var ending = socket.ReceiveAsync(new byte[1024], TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<WebSocketException>(
            () => ending.WaitAsync(Eventually.Patience, TestContext.Current.CancellationToken));
    }

    private static Task CloseAsync(ClientWebSocket socket) =>
        socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", TestContext.Current.CancellationToken);
}
