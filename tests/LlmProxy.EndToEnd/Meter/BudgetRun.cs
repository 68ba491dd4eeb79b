using System.Collections.Concurrent;
using System.Globalization;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>What was used of a limit that does not reset; dollars.</summary>
internal sealed record Balance(long Tokens, decimal Cost)
{
    public static readonly Balance Nothing = new(0, 0);

    public bool IsWithin(TokenLimits limits) =>
        Tokens <= (limits.MaxTokens ?? long.MaxValue) && Cost <= (limits.MaxCostUsd ?? decimal.MaxValue);

    public static Balance operator +(Balance one, Balance other) =>
        new(one.Tokens + other.Tokens, one.Cost + other.Cost);
}

/// <summary>Many clients that spend three tokens of one project together, well behaved or not.</summary>
/// <param name="proxies">Instances on one database.</param>
/// <param name="tokens">The tokens.</param>
/// <param name="isRough">Whether upstream and clients may fail.</param>
internal sealed class BudgetRun(IReadOnlyList<ProxyProcess> proxies, IReadOnlyList<IssuedToken> tokens, bool isRough)
{
    private const int LeaveWithin = 2_000;

    // Most refusals are for what others have reserved, and are over soon.
    private const int TriesMax = 8;

    private readonly ConcurrentQueue<(int Token, Told Told)> _told = new();
    private readonly ConcurrentQueue<(int Token, Told Told)> _begun = new();
    private int _asked;
    private int _refused;

    /// <summary>Requests that reached a proxy, those that were tried again too.</summary>
    public int Asked => _asked;

    /// <summary>Of them: refused because of a limit.</summary>
    public int Refused => _refused;

    /// <summary>What each answer that came to its end said that it used, with the number of its token.</summary>
    public IReadOnlyCollection<(int Token, Told Told)> Told => _told;

    /// <summary>What an answer has used at least that began and broke off: its prompt.</summary>
    public IReadOnlyCollection<(int Token, Told Told)> Begun => _begun;

    public Task RunAsync(Dice dice, int clients, int questions) =>
        Task.WhenAll(Enumerable.Range(0, clients).Select(_ => dice.Split()).ToList()
            .Select((own, number) => ClientAsync(number, own, questions)));

    private async Task ClientAsync(int number, Dice dice, int questions)
    {
        var proxy = proxies[number % proxies.Count];
        var client = await RawClient.ConnectAsync(proxy.Address);
        try
        {
            for (var i = 0; i < questions; i++)
            {
                var token = (number + i) % tokens.Count;
                var (question, leaves) = Next(dice);
                var ending = Ending.Refused;
                for (var tries = 0; tries < (ending == Ending.Refused ? TriesMax : 2); tries++)
                {
                    ending = leaves
                        ? await LeaveAsync(client, proxy, token, question, dice.Below(LeaveWithin))
                        : await AskAsync(client, proxy, token, question);
                    if (ending == Ending.Broken)
                    {
                        await client.DisposeAsync();
                        client = await RawClient.ConnectAsync(proxy.Address);
                    }

                    if (ending == Ending.Answered)
                    {
                        break;
                    }
                }
            }
        }
        finally
        {
            await client.DisposeAsync();
        }
    }

    private (ModelQuestion Question, bool Leaves) Next(Dice dice)
    {
        var question = ModelQuestion.Any(dice);
        var fate = isRough ? dice.Below(10) : int.MaxValue;
        string[] wishes = fate switch
        {
            0 => [Wish("status", dice.Pick([400, 429, 500, 503]))],
            1 => ["x-simulator-cut-before-headers: true"],
            2 => [Wish("cut-after-bytes", dice.Below(800))],
            3 => [Wish("cut-after-events", 1 + dice.Below(8))],
            4 => [Wish("chunk-delay", 1), "Connection: close"],
            _ => [],
        };
        return (question with { Wishes = [.. question.Wishes, .. wishes] }, fate == 4);
    }

    private async Task<Ending> AskAsync(RawClient client, ProxyProcess proxy, int token, ModelQuestion question)
    {
        Interlocked.Increment(ref _asked);
        await client.SendAsync(question.For(proxy, tokens[token].Secret));
        var answer = await client.ReadAnswerAsync();
        if (answer is not { Body.IsComplete: true })
        {
            Assert.True(isRough, "an answer broke off that nobody broke");
            Note(answer?.Status == 200, token, question);
            return Ending.Broken;
        }

        Assert.Contains(answer.Status, isRough ? [200, 400, 429, 500, 502, 503] : (int[])[200, 429]);
        Assert.DoesNotContain("internal_error", answer.Body.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("store_unavailable", answer.Body.Text, StringComparison.Ordinal);
        if (answer.Status == 200)
        {
            _told.Enqueue((token, question.UsageIn(answer.Body.Text)));
            return answer.Head.Value("Connection") == "close" ? Ending.Broken : Ending.Answered;
        }

        var isRefused = answer.Body.Text.Contains(".max_", StringComparison.Ordinal);
        if (isRefused)
        {
            Interlocked.Increment(ref _refused);
        }

        return answer.Head.Value("Connection") == "close" ? Ending.Broken
            : isRefused ? Ending.Refused
            : Ending.Failed;
    }

    /// <summary>Hangs up after so many bytes of the answer, or at its end when that comes first.</summary>
    private async Task<Ending> LeaveAsync(
        RawClient client, ProxyProcess proxy, int token, ModelQuestion question, int after)
    {
        Interlocked.Increment(ref _asked);
        await client.SendAsync(question.For(proxy, tokens[token].Secret));
        try
        {
            // At least one piece: only then it is sure that the request has arrived.
            for (var read = 0; read <= after;)
            {
                var some = await client.ReadSomeAsync();
                Note(read == 0 && some.AsSpan().StartsWith("HTTP/1.1 200 "u8), token, question);
                read += some.Length == 0 ? LeaveWithin : some.Length;
            }
        }
        catch (IOException)
        {
            // The answer was broken off before we could leave.
        }

        client.Reset();
        return Ending.Broken;
    }

    private void Note(bool hasBegun, int token, ModelQuestion question)
    {
        if (hasBegun)
        {
            _begun.Enqueue((token, new Told(question.Model, question.PromptWords, 0, 0)));
        }
    }

    private static string Wish(string name, int value) =>
        string.Create(CultureInfo.InvariantCulture, $"x-simulator-{name}: {value}");

    private enum Ending
    {
        Answered,

        /// <summary>A limit was in the way.</summary>
        Refused,
        Failed,

        /// <summary>The connection cannot be used again.</summary>
        Broken,
    }
}
