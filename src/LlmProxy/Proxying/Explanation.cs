using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using LlmProxy.Http;
using LlmProxy.Limits;
using LlmProxy.Projects;
using LlmProxy.Providers;
using LlmProxy.Tokens;
using Microsoft.AspNetCore.Http.Features;

namespace LlmProxy.Proxying;

/// <summary>
/// Says what would become of a request, by taking it through the very steps of the pipeline up to where it would be
/// forwarded, and giving everything back.
/// </summary>
internal sealed class Explanation(
    TokenIssuer tokens, ProjectDirectory projects, ProviderTable providers, BodyJudge bodies, RequestJudge judge,
    AddressLimit addresses, TimeProvider clock)
{
    /// <summary>Null when there is no such token.</summary>
    /// <param name="idOrSecret">The token.</param>
    /// <param name="asked">The request, which nobody sends.</param>
    /// <param name="aborted">Whoever asked has left.</param>
    public async Task<ExplainAnswer?> ExplainAsync(string idOrSecret, ExplainRequest asked, CancellationToken aborted)
    {
        if (await tokens.FindAsync(idOrSecret, aborted) is not { } token
            || await tokens.AdmitAsync(token.Id, aborted) is not { } admission)
        {
            return null;
        }

        var http = RequestOf(asked, aborted);
        var refusal = FrontGate.Judge(http, out var target);
        var needs = default(Demand?);
        if (refusal is null)
        {
            var exchange = new Exchange(http, target, clock);
            refusal = admission.Grant is { } grant ? await JudgeAsync(exchange, grant) : admission.Refusal;
            exchange.Reservation?.Release();
            bodies.Release(exchange);
            needs = exchange.Demand;
        }

        var project = await projects.FindAsync(token.ProjectId, aborted);
        return ExplainAnswer.Of(refusal, admission.Reason, needs) with
        {
            Limits =
            [
                .. StatesOf("token", token.Limits, new Use(token.RequestCount, token.TokenCount, token.Cost),
                    admission.Grant?.Account),
                .. project is null ? [] : StatesOf("project", project.Limits,
                    new Use(project.RequestCount, project.TokenCount, project.Cost), admission.Grant?.Project.Account),
                .. addresses.OfAll is { } all
                    ? [OfWindow("global", "requests_per_minute", all)]
                    : Array.Empty<LimitState>(),
            ],
        };
    }

    /// <summary>Whether a body that is text can be read: half a surrogate pair cannot.</summary>
    public static bool IsText(JsonElement? body)
    {
        try
        {
            return body is not { ValueKind: JsonValueKind.String } text || text.GetString() is not null;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private async ValueTask<Refusal?> JudgeAsync(Exchange exchange, Grant grant)
    {
        var route = providers.Find(exchange.Target);
        (exchange.Route, exchange.Grant) = (route, grant);
        if (route is not { } destination)
        {
            return Refusal.UnknownEndpoint;
        }

        return RequestJudge.JudgeHead(exchange, grant, destination)
            ?? await judge.JudgeBodyAsync(exchange, grant, destination.Provider.Rules)
            ?? await judge.ReserveAsync(exchange, grant, isTrial: true);
    }

    private static DefaultHttpContext RequestOf(ExplainRequest asked, CancellationToken aborted)
    {
        var http = new DefaultHttpContext { RequestAborted = aborted };
        var feature = http.Features.GetRequiredFeature<IHttpRequestFeature>();
        (feature.Method, feature.RawTarget, feature.Protocol) = (asked.Method, asked.Path, HttpProtocol.Http11);
        http.Request.Headers.Host = "llm-proxy";
        foreach (var (name, value) in asked.Headers ?? new Dictionary<string, string>(StringComparer.Ordinal))
        {
            http.Request.Headers[name] = value;
        }

        if (asked.Body is { ValueKind: not JsonValueKind.Null } body)
        {
            var bytes = Encoding.UTF8.GetBytes(
                body.ValueKind == JsonValueKind.String ? body.GetString()! : body.GetRawText());
            http.Request.Body = new MemoryStream(bytes, writable: false);
            http.Request.ContentLength = bytes.Length;
            http.Request.ContentType ??= "application/json";
        }

        return http;
    }

    private static IEnumerable<LimitState> StatesOf(string scope, LimitSet set, Use use, Account? account)
    {
        var terms = account?.Terms ?? Terms.None;
        if (terms.RequestsPerMinute is { } requests)
        {
            yield return OfWindow(scope, "requests_per_minute", requests);
        }

        if (terms.TokensPerMinute is { } tokens)
        {
            yield return OfWindow(scope, "tokens_per_minute", tokens);
        }

        if (set.MaxConcurrent is { } concurrent)
        {
            yield return OfNumber(scope, "max_concurrent", concurrent, account?.Running ?? 0, Text);
        }

        if (set.MaxRequests is { } maxRequests)
        {
            yield return OfNumber(scope, "max_requests", maxRequests, use.Requests, Text);
        }

        if (set.MaxTokens is { } maxTokens)
        {
            yield return OfNumber(scope, "max_tokens", maxTokens, use.Tokens, Text);
        }

        if (set.MaxCost is { } maxCost)
        {
            yield return OfNumber(scope, "max_cost_usd", maxCost, use.Cost, UsDollars.Write);
        }
    }

    private static LimitState OfNumber(string scope, string limit, long value, long used, Func<long, string> write) =>
        new(scope, limit, write(value), write(used), write(Math.Max(0, value - used)), null);

    private static LimitState OfWindow(string scope, string limit, RateWindow window) => new(
        scope, limit, Text(window.PerMinute), Text(window.PerMinute - window.Remaining), Text(window.Remaining),
        Math.Round(window.FullIn.TotalSeconds, 3));

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Use(long Requests, long Tokens, long Cost);
}
