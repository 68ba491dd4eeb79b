using System.Threading.Channels;
using LlmProxy.Http;
using LlmProxy.Usage;
using LlmProxy.Usage.Counting;
using LlmProxy.Usage.Prices;
using LlmProxy.Usage.Reading;
using LlmProxy.Usage.Statistics;

namespace LlmProxy.Proxying;

/// <summary>
/// Step 7 of the pipeline: what an exchange has used, whatever became of it, and what that costs. Each exchange is
/// settled once: at once when the provider said what was used; after counting, in the background, when it did not.
/// </summary>
internal sealed class ExchangeMeter(
    PriceTable prices, UsageStatistics statistics, UsageMetrics metrics, AccessLog log, Recorder recorder,
    TimeProvider clock, ILogger<ExchangeMeter> logger)
    : BackgroundService
{
    // What waits to be counted holds its texts, up to 1.3 MB each.
    private const int WaitingMax = 256;

    // An estimate for text that is not counted: English has about four bytes a token, nothing much more.
    private const int BytesPerToken = 4;

    private readonly Channel<Counting> _waiting = Channel.CreateBounded<Counting>(
        new BoundedChannelOptions(WaitingMax) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });

    /// <summary>
    /// The exchange is over. Neither waits nor throws; from here on nothing touches its connection.
    /// </summary>
    public void Settle(Exchange exchange)
    {
        exchange.Reservation?.Leave();
        if (exchange.SentUpstream == 0)
        {
            exchange.Reservation?.Release();
            Conclude(exchange);
            return;
        }

        if (exchange.Answer is not { } answer)
        {
            // Not waited for; or an error, a file, a realtime session that was counted turn by turn.
            exchange.Model ??= WasNotWaitedFor(exchange) ? ModelInBody(exchange) : null;
            CountOr(exchange, null, isCounted: WasNotWaitedFor(exchange) && RequestJudge.MustCapture(exchange));
            return;
        }

        var facts = answer.Finish(isComplete: exchange.Outcome != Outcome.Truncated);
        (exchange.Usage, exchange.UsageFaults) = (facts.Usage, facts.Faults);
        exchange.RequestModel = exchange.Model ?? (facts.Model is null ? ModelInBody(exchange) : null);
        exchange.Model = facts.Model ?? exchange.RequestModel;
        exchange.ServiceTier = facts.ServiceTier ?? exchange.Facts?.ServiceTier;
        CountOr(exchange, answer, isCounted: IsCountable(exchange)
            && (facts.Usage.Source == UsageSource.Unknown || facts.IsOnlyOfPrompt));
        answer.Dispose();
    }

    /// <summary>
    /// One answer of a realtime session: counted at once, because the session may last for hours. The worst case of
    /// the next one is to be reserved by the caller.
    /// </summary>
    public void SettleTurn(Exchange exchange, in RealtimeTurn turn, string? model)
    {
        exchange.UsageFaults |= turn.Faults;
        if (turn.Usage.Source == UsageSource.Unknown)
        {
            SettleAtWorst(exchange, turn);
            return;
        }

        var cost = turn.Kind == RealtimeTurnKind.Done ? CostOf(model ?? exchange.Model, turn.Usage) : null;
        exchange.Cost = exchange.Usage.Source == UsageSource.Unknown ? cost : exchange.Cost + cost;
        exchange.Usage = exchange.Usage.Plus(turn.Usage);
        exchange.Model = model ?? exchange.Model;
        exchange.Reservation?.SettlePart(turn.Usage.Total, cost ?? exchange.Demand?.Cost ?? 0);
        exchange.Demand = null;
    }

    /// <summary>
    /// An answer is done that says nothing one could believe: all that was reserved for it may be used.
    /// </summary>
    private static void SettleAtWorst(Exchange exchange, in RealtimeTurn turn)
    {
        if (turn.Kind == RealtimeTurnKind.Done && exchange.Demand is { } demand)
        {
            exchange.Reservation?.SettlePart(demand.Tokens, demand.Cost);
            exchange.Demand = null;
        }
    }

    /// <summary>Called when no exchange runs any more: what waits is still counted.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _waiting.Writer.TryComplete();
        if (ExecuteTask is { } counting)
        {
            await counting.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await base.StopAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Not the stopping token: what waits when we stop is counted all the same.
        await foreach (var counting in _waiting.Reader.ReadAllAsync(CancellationToken.None))
        {
            try
            {
                Count(counting);
            }
#pragma warning disable CA1031 // Whatever it is, it is this exchange's: it is settled by an estimate, and others go on.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                logger.CountingFailed(failure, counting.Exchange.RequestId);
                Estimate(counting);
            }
        }
    }

    /// <summary>
    /// The model that the request names, where nobody had to know it before: the answer does not name one, but what was
    /// used has a price all the same.
    /// </summary>
    private static string? ModelInBody(Exchange exchange) => exchange.Capture is { BytesBeyond: 0 } capture
        ? RequestFacts.Read(exchange.Operation, exchange.Http.Request.ContentType, capture.Body).Model
        : null;

    /// <summary>Whether the provider did answer, in a form whose text we can read.</summary>
    private static bool IsCountable(Exchange exchange) =>
        exchange.Status is >= 200 and < 300
        && RequestJudge.MustCapture(exchange)
        && !exchange.UsageFaults.HasFlag(UsageFaults.Unreadable);

    /// <summary>
    /// The provider has the whole prompt and may be at work for it, but nobody waits for the answer any more: it came
    /// too late, the client is gone, or its token revoked. What was delivered is the prompt.
    /// </summary>
    private static bool WasNotWaitedFor(Exchange exchange) =>
        exchange is { SentUpstream: > 0, AnsweredUpstream: 0, WasSentWhole: true }
        && (exchange.Outcome != Outcome.Refused
            || exchange.Refusal == Refusal.UpstreamTimeout || exchange.Refusal == Refusal.InvalidToken);

    private void CountOr(Exchange exchange, AnswerReader? answer, bool isCounted)
    {
        if (!isCounted)
        {
            Conclude(exchange);
            return;
        }

        var counting = new Counting(exchange, answer?.TakeText());
        if (!_waiting.Writer.TryWrite(counting))
        {
            Estimate(counting);
        }
    }

    private void Count(Counting counting)
    {
        var exchange = counting.Exchange;
        if (exchange.Capture is { BytesBeyond: > 0 } or null || counting.Text is { BytesBeyond: > 0 })
        {
            Estimate(counting);
            return;
        }

        var prompt = exchange.Usage.Source == UsageSource.Reported
            ? exchange.Usage.Prompt
            : PromptCounter.Count(exchange.Operation.Shape, exchange.Model, exchange.Capture.Body).Tokens;
        var completion = 0L;
        for (var i = 0; i < counting.Text?.Count; i++)
        {
            completion += CompletionCounter.Count(exchange.Model, counting.Text[i]);
        }

        Finish(counting, prompt, completion);
    }

    private void Estimate(Counting counting)
    {
        var exchange = counting.Exchange;
        exchange.UsageFaults |= UsageFaults.Estimated;
        var completionBytes = (counting.Text?.Bytes ?? 0) + (counting.Text?.BytesBeyond ?? 0);
        var prompt = exchange.Usage.Source == UsageSource.Reported
            ? exchange.Usage.Prompt
            : Math.Min(
                exchange.RequestBytes / BytesPerToken,
                prices.Find(exchange.Model, serviceTier: null)?.ContextWindow ?? long.MaxValue);
        Finish(counting, prompt, completionBytes / BytesPerToken);
    }

    private void Finish(Counting counting, long prompt, long completion)
    {
        counting.Text?.Dispose();

        // What the provider has told of the prompt stays: of a stream that broke off it may be all that it told.
        var exchange = counting.Exchange;
        exchange.Usage = exchange.Usage with
        {
            Source = UsageSource.Counted,
            Prompt = prompt,
            Completion = Math.Max(completion, exchange.Usage.Completion),
        };
        Conclude(exchange);
    }

    /// <summary>The exchange's usage is known, or will never be.</summary>
    private void Conclude(Exchange exchange)
    {
        exchange.Capture?.Dispose();
        exchange.Capture = null;
        var usage = exchange.Usage;
        if (usage.Source != UsageSource.Unknown && !IsSettledByTurns(exchange))
        {
            exchange.Cost = CostOf(exchange, usage);
        }

        if (!IsSettledByTurns(exchange) && exchange.Demand is { } demand
            && (usage.Total > demand.Tokens || (exchange.Limits.CountMoney && exchange.Cost > demand.Cost)))
        {
            exchange.UsageFaults |= UsageFaults.Overrun;
        }

        exchange.Reservation?.Settle(TokensToSettle(exchange), CostToSettle(exchange));
        if (exchange.Grant is { } grant && !WasHit(exchange))
        {
            statistics.Record(new ExchangeUsage(
                clock.GetUtcNow().ToUnixTimeMilliseconds(), grant.Project.Id, grant.TokenId,
                exchange.Route?.Provider.Name ?? string.Empty, LabelOf(exchange), usage, exchange.Cost,
                exchange.Refusal is not null, exchange.Status));
        }

        // The log may keep the exchange for some milliseconds yet, and should not keep all of this with it.
        (exchange.Answer, exchange.Reservation, exchange.Facts, exchange.Price) = (null, null, null, null);
        metrics.Record(exchange.UsageFaults);
        recorder.Publish(exchange);
        log.Record(exchange);
    }

    /// <summary>
    /// When something was answered and nobody can say what it used, what was reserved for it is taken as used: it may
    /// have been.
    /// </summary>
    private static bool MayHaveUsedAll(Exchange exchange) =>
        IsSettledByTurns(exchange) ? exchange.EndedInAnswer
        : WasNotWaitedFor(exchange) ? exchange.Usage.Source == UsageSource.Unknown
        : exchange is
        {
            Usage.Source: UsageSource.Unknown, AnsweredUpstream: > 0, Status: >= 200 and < 300, IsFromStore: false,
        };

    /// <summary>
    /// The provider was not asked, and used nothing: such requests are counted as hits, by themselves.
    /// </summary>
    private static bool WasHit(Exchange exchange) =>
        exchange is { CacheWord: CacheWord.Hit, SentUpstream: 0 };

    private static long TokensToSettle(Exchange exchange) =>
        MayHaveUsedAll(exchange) ? exchange.Demand?.Tokens ?? 0
        : IsSettledByTurns(exchange) ? 0
        : exchange.Usage.Total;

    private static long CostToSettle(Exchange exchange) =>
        MayHaveUsedAll(exchange) ? exchange.Demand?.Cost ?? 0
        : IsSettledByTurns(exchange) || exchange.Usage.Source == UsageSource.Unknown ? 0
        : exchange.Cost ?? exchange.Demand?.Cost ?? 0;

    private static bool IsSettledByTurns(Exchange exchange) => exchange.Operation.Shape == ApiShape.Realtime;

    // A model that only the client has named may be anything; one that a provider has served is a model.
    private static string? LabelOf(Exchange exchange) =>
        exchange.Usage.Source != UsageSource.Unknown || exchange.Price is not null ? exchange.Model : null;

    private long? CostOf(Exchange exchange, in UsageReport usage) =>
        (prices.Find(exchange.Model, exchange.ServiceTier)
            ?? prices.Find(exchange.RequestModel, exchange.ServiceTier))?.CostOf(usage);

    private long? CostOf(string? model, in UsageReport usage) => prices.Find(model, serviceTier: null)?.CostOf(usage);

    private sealed record Counting(Exchange Exchange, DeliveredText? Text);
}
