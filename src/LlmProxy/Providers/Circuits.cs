using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Polly;
using Polly.CircuitBreaker;

namespace LlmProxy.Providers;

/// <summary>
/// The circuits of one provider, one for each project, whose key it is that fails or not: a revoked key, or one that is
/// out of quota, says nothing about the others.
/// </summary>
internal sealed class Circuits(CircuitRules rules, TimeProvider clock)
{
    // Each weighs some kilobytes. When there are more projects than that, all begin anew.
    private const int CircuitsMax = 4_096;

    private readonly ConcurrentDictionary<Guid, Circuit> _circuits = new();

    public Circuit Of(Guid project)
    {
        if (_circuits.TryGetValue(project, out var circuit))
        {
            return circuit;
        }

        if (_circuits.Count >= CircuitsMax)
        {
            _circuits.Clear();
        }

        return _circuits.GetOrAdd(project, static (_, circuits) => circuits.Make(), this);
    }

    /// <summary>How many are open, or half open, now.</summary>
    public int CountOpen() => _circuits.Values.Count(static circuit => circuit.IsOpen);

    private Circuit Make()
    {
        var state = new CircuitBreakerStateProvider();
        var pipeline = new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = clock }
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions<HttpResponseMessage>
            {
                FailureRatio = rules.FailureRatio,
                MinimumThroughput = rules.MinimumRequests,
                SamplingDuration = rules.Sampling,
                BreakDuration = rules.Break,
                StateProvider = state,
                ShouldHandle = static arguments => ValueTask.FromResult(IsFailure(arguments.Outcome)),
            })
            .Build();
        return new Circuit(pipeline, state);
    }

    /// <summary>
    /// What a client has asked for or may not do, and a client that left, is no failure of the provider's. A limit of
    /// its own (429) is an answer that clients know how to deal with.
    /// </summary>
    private static bool IsFailure(in Outcome<HttpResponseMessage> outcome) => outcome switch
    {
        { Exception: UploadException or { InnerException: UploadException } } => false,
        { Exception: ProviderTimeoutException or HttpRequestException or IOException } => true,
        { Result.StatusCode: var status } => status is HttpStatusCode.InternalServerError or HttpStatusCode.BadGateway
            or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout or Overloaded,
        _ => false,
    };

    /// <summary>Anthropic's.</summary>
    private const HttpStatusCode Overloaded = (HttpStatusCode)529;
}

/// <summary>One circuit.</summary>
/// <param name="Pipeline">Through which what it guards is called.</param>
/// <param name="State">Whether it is open.</param>
internal sealed record Circuit(ResiliencePipeline<HttpResponseMessage> Pipeline, CircuitBreakerStateProvider State)
{
    public bool IsOpen => State.CircuitState != CircuitState.Closed;

    /// <summary>
    /// Everything may pass, so who calls need not go through the pipeline, which costs 5 µs a request when it waits
    /// there; what became of the call is told afterwards.
    /// </summary>
    public bool IsClosed => State.CircuitState == CircuitState.Closed;

    /// <summary>
    /// Takes note of how a call ended that began while the circuit was closed; of no interest when it has opened in the
    /// meantime, since only a probe closes it again. Never waits.
    /// </summary>
    public void Tell(Outcome<HttpResponseMessage> outcome)
    {
        if (!IsClosed)
        {
            return;
        }

        var context = ResilienceContextPool.Shared.Get(CancellationToken.None);
        var told = Pipeline.ExecuteOutcomeAsync(
            static (_, ended) => new ValueTask<Outcome<HttpResponseMessage>>(ended), context, outcome);

        // Nothing in it waits, as nobody asks for events of the circuit; so there is nothing to wait for.
        Debug.Assert(told.IsCompletedSuccessfully, "A circuit is told at once.");
        ResilienceContextPool.Shared.Return(context);
    }
}

/// <summary>The provider's time was up.</summary>
internal sealed class ProviderTimeoutException(Exception inner)
    : IOException("The provider did not answer in time.", inner);

/// <summary>The client's body broke off on its way up: nothing that the provider could do anything about.</summary>
internal sealed class UploadException(string message, Exception? inner) : IOException(message, inner);
