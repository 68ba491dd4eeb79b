using System.Runtime.InteropServices;
using LlmProxy.Http;
using LlmProxy.Limits;
using LlmProxy.Providers;
using LlmProxy.Tokens;
using LlmProxy.Usage.Counting;
using LlmProxy.Usage.Prices;
using Microsoft.AspNetCore.WebUtilities;

namespace LlmProxy.Proxying;

/// <summary>
/// Steps 4 and 5 of the pipeline: what the provider's rules allow, what a token and its project may do, and what they
/// may still spend. What cannot be measured, or read in exactly one way, is refused as soon as a limit depends on it.
/// </summary>
internal sealed class RequestJudge(BodyJudge bodies, PriceTable prices, LimitsOptions options)
{
    /// <summary>Judges what the request's head says. Fills <see cref="Exchange.Operation"/>.</summary>
    public static Refusal? JudgeHead(Exchange exchange, Grant grant, in ProviderRoute route)
    {
        if (route.Provider.Rules.JudgeHead(exchange.Http.Request, route) is { } objection)
        {
            return objection;
        }

        var (token, project) = (grant.Account.Limits, grant.Project.Account.Limits);
        var endpoint = route.EndpointOf(exchange.Target);
        exchange.Operation = ApiOperation.Of(exchange.Method, endpoint);
        if (exchange.Operation.Model == ModelPlace.Query)
        {
            exchange.Model = ModelOf(exchange.Target.Query.ToString());
        }

        if (ReferenceEquals(token, LimitSet.None) && ReferenceEquals(project, LimitSet.None))
        {
            return null;
        }

        var origin = exchange.Http.Request.Headers.Origin;
        exchange.Limits = LimitsFor(token, project);
        return token.JudgeHead(endpoint, origin) ?? project.JudgeHead(endpoint, origin)
            ?? JudgeOperation(exchange, token, project);
    }

    /// <summary>Judges what the body says. It is read only when a rule or a limit must see it.</summary>
    public async ValueTask<Refusal?> JudgeBodyAsync(Exchange exchange, Grant grant, RequestRules rules)
    {
        exchange.MustReadFacts = MustReadBody(exchange);
        return await bodies.JudgeAsync(exchange, rules) ?? JudgeBody(exchange, grant);
    }

    /// <summary>Whether a limit can only be judged with the body.</summary>
    private static bool MustReadBody(Exchange exchange) =>
        (exchange.Limits.NameModels
            && exchange.Operation.Model is ModelPlace.Body or ModelPlace.Form or ModelPlace.Nested)
        || (exchange.Limits.CountTokens
            && exchange.Operation is { Metering: Metering.Reported, Shape: not ApiShape.Realtime });

    /// <summary>Whether the prompt may have to be counted, should the answer not say what was used.</summary>
    public static bool MustCapture(Exchange exchange) => exchange.Operation is
    {
        Metering: Metering.Reported,
        Shape: ApiShape.Chat or ApiShape.Completions or ApiShape.Responses or ApiShape.Messages or ApiShape.Embeddings
    };

    private Refusal? JudgeBody(Exchange exchange, Grant grant)
    {
        if (exchange.Facts is { } facts)
        {
            if (facts.Fault != BodyFault.None)
            {
                return Refusal.InvalidBody;
            }

            exchange.Model = facts.Model;
            if (facts.IsBackground && exchange.Limits.CountTokens)
            {
                return Refusal.UsageNotMeasurable with { Param = "background" };
            }
        }

        if (exchange is { Limits.NameModels: true, Facts.NamesOtherModels: true })
        {
            return Refusal.ModelNotAllowed with { Param = "model" };
        }

        if (exchange.Limits.NameModels && exchange.Operation.Model != ModelPlace.None
            && (grant.Account.Limits.JudgeModel(exchange.Model)
                ?? grant.Project.Account.Limits.JudgeModel(exchange.Model)) is { } objection)
        {
            return objection;
        }

        if (exchange.Limits.CountTokens && exchange.Operation.Metering == Metering.Reported)
        {
            exchange.Price = prices.Find(exchange.Model, exchange.Facts?.ServiceTier);
            if (exchange.Price is null && exchange.Limits.CountMoney)
            {
                return Refusal.PriceUnknown with { Param = "model" };
            }
        }

        return null;
    }

    /// <summary>
    /// Reserves a request and the worst case of what it may use; then the exchange holds a reservation. A refusal
    /// leaves nothing reserved.
    /// </summary>
    /// <param name="exchange">What was judged.</param>
    /// <param name="grant">Its token.</param>
    /// <param name="isTrial">Nobody uses the token: somebody wants to know what would happen.</param>
    public async ValueTask<Refusal?> ReserveAsync(Exchange exchange, Grant grant, bool isTrial = false)
    {
        var aborted = exchange.Http.RequestAborted;
        var reservation = new Reservation(grant.Account, grant.Project.Account, isTrial);
        var refusal = await LimitGate.EnterAsync(reservation, aborted);
        if (refusal is not null)
        {
            return refusal;
        }

        exchange.Reservation = reservation;
        if (exchange.Limits.CountTokens && exchange.Operation.Metering == Metering.Reported)
        {
            refusal = await ReserveWorstCaseAsync(exchange, reservation, isTrial);
        }

        if (refusal is not null)
        {
            exchange.Reservation = null;
            reservation.Release();
        }
        else
        {
            reservation.Commit();
        }

        return refusal;
    }

    /// <summary>Reserves what the next answer of a realtime session may use.</summary>
    public ValueTask<Refusal?> ReserveTurnAsync(Exchange exchange, CancellationToken aborted)
    {
        exchange.Demand = DemandFor(exchange, ContextOf(exchange.Price));
        return LimitGate.ReserveAsync(exchange.Reservation!, exchange.Demand.Value, aborted);
    }

    private static Refusal? JudgeOperation(Exchange exchange, LimitSet token, LimitSet project)
    {
        var operation = exchange.Operation;
        if (exchange.Limits.CountTokens && operation.Metering == Metering.Opaque)
        {
            return Refusal.UsageNotMeasurable;
        }

        return exchange.Limits.NameModels && operation.Model is ModelPlace.Elsewhere or ModelPlace.Query
            ? token.JudgeModel(exchange.Model) ?? project.JudgeModel(exchange.Model)
            : null;
    }

    private async ValueTask<Refusal?> ReserveWorstCaseAsync(Exchange exchange, Reservation reservation, bool isTrial)
    {
        var aborted = exchange.Http.RequestAborted;
        var context = ContextOf(exchange.Price);
        var isUnseen = exchange.Facts is not { HasUnseenContext: false };
        var hasImages = exchange.Facts is { Images: > 0 };
        if (isUnseen || (!hasImages && !isTrial))
        {
            // Tokens are never more than bytes: where that much is left, nobody needs to count.
            exchange.Demand = DemandFor(exchange, isUnseen
                ? context
                : Fitting(exchange.Price, PromptCounter.UpperBound(exchange.Operation.Shape, exchange.HeldBytes)));
            var refusal = await LimitGate.ReserveAsync(reservation, exchange.Demand.Value, aborted);
            if (refusal is null || isUnseen || refusal.Status != StatusCodes.Status429TooManyRequests)
            {
                return refusal;
            }
        }

        var count = await BodyJudge.CountAsync(exchange);
        exchange.Demand = DemandFor(
            exchange, hasImages && !count.IsWhole ? context : Fitting(exchange.Price, count.Tokens));
        return await LimitGate.ReserveAsync(reservation, exchange.Demand.Value, aborted);
    }

    private Demand DemandFor(Exchange exchange, long prompt)
    {
        var facts = exchange.Facts ?? default;
        var choices = Math.Max(1, facts.Choices);
        var each = exchange.Operation.Shape == ApiShape.Embeddings
            ? 0
            : facts.OutputMax ?? exchange.Price?.OutputMax ?? options.OutputTokensCeiling;
        var output = each > long.MaxValue / 8 / choices ? long.MaxValue / 8 : each * choices;
        return new Demand(prompt + output, exchange.Price?.UpperBound(prompt, output) ?? 0);
    }

    /// <summary>No model takes a longer prompt than its context window.</summary>
    private static long Fitting(ModelPrice? price, long prompt) => Math.Min(price?.ContextWindow ?? prompt, prompt);

    private long ContextOf(ModelPrice? price) => price?.ContextWindow ?? options.PromptTokensCeiling;

    private static LimitKinds LimitsFor(LimitSet token, LimitSet project) => new(
        NameModels: token.AllowedModels is not null || project.AllowedModels is not null,
        CountTokens: token.CountsTokens || project.CountsTokens,
        CountMoney: token.MaxCost is not null || project.MaxCost is not null);

    /// <summary>Named once, or not at all: of two, nobody knows which one the provider takes.</summary>
    private static string? ModelOf(string query) =>
        QueryHelpers.ParseQuery(query).TryGetValue("model", out var models) && models is [{ Length: > 0 } only]
            ? only
            : null;
}

/// <summary>What the limits of a token and its project make necessary to know of a request.</summary>
/// <param name="NameModels">The model must be one of a list.</param>
/// <param name="CountTokens">The worst case of its tokens.</param>
/// <param name="CountMoney">The worst case of its cost.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct LimitKinds(bool NameModels, bool CountTokens, bool CountMoney);
