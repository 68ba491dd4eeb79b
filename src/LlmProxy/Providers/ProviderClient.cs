using System.Net;
using System.Runtime.CompilerServices;
using System.Text;
using Polly;

namespace LlmProxy.Providers;

/// <summary>
/// The one way out: connections to one provider, kept and reused. Follows no redirect, keeps no cookie, decodes
/// nothing, obeys no proxy variable, adds no header: HttpClient's defaults would do all of these.
/// </summary>
internal sealed class ProviderClient : IDisposable
{
    // Long enough to be rarely felt, short enough to follow a provider's DNS changes.
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(15);

    private readonly HttpMessageInvoker _invoker;
    private readonly int _idleConnectionsMax;
    private readonly Circuits? _circuits;

    // Requests on their way, touched by request threads through Interlocked only.
    private int _running;

    public ProviderClient(Provider provider, TimeProvider clock)
    {
        _circuits = provider.Resilience.Circuit is { } rules ? new Circuits(rules, clock) : null;
        Budget = new RetryBudget(provider.Resilience.Retry.BudgetPercent);
        _idleConnectionsMax = provider.Connection.IdleConnectionsMax;
        _invoker = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            ConnectTimeout = provider.Timeouts.Connect,
            PooledConnectionLifetime = ConnectionLifetime,
            PooledConnectionIdleTimeout = provider.Timeouts.IdleConnection,
            MaxConnectionsPerServer = int.MaxValue,
            MaxResponseHeadersLength = 64,

            // A client that leaves must end the upstream's work, not wait for the rest of its answer.
            MaxResponseDrainSize = 0,
            ResponseDrainTimeout = TimeSpan.Zero,

            // Latin-1 keeps every byte of a value as it is, valid UTF-8 or not.
            RequestHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
            ResponseHeaderEncodingSelector = static (_, _) => Encoding.Latin1,

            // HttpClient skips interim answers and tells nobody.
            PlaintextStreamFilter = static (context, _) => new(new InterimWatch(context.PlaintextStream)),
        });
    }

    /// <summary>How many requests may still be sent a second time.</summary>
    public RetryBudget Budget { get; }

    /// <summary>Circuits that let nothing through now, or only a probe.</summary>
    public int OpenCircuits => _circuits?.CountOpen() ?? 0;

    /// <summary>
    /// Sends, and returns as soon as the answer's headers are there. Its failures are HttpClient's:
    /// <see cref="HttpRequestException"/>, <see cref="OperationCanceledException"/>, whatever the content threw; and
    /// <see cref="ProviderTimeoutException"/>, and <see cref="Polly.CircuitBreaker.BrokenCircuitException"/> when the
    /// project's key has failed too often to be tried now.
    /// </summary>
    /// <param name="request">What is sent.</param>
    /// <param name="project">Whose key it carries.</param>
    /// <param name="interim">Reads the interim answers. When this has ended, it reports nothing any more.</param>
    /// <param name="cutoff">Ends it.</param>
    public ValueTask<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, Guid project, InterimReader? interim, Cutoff cutoff)
    {
        var circuit = _circuits?.Of(project);
        return circuit is { IsClosed: false }
            ? ProbeAsync(circuit, request, interim, cutoff)
            : SendAsync(request, circuit, interim, cutoff);
    }

    /// <summary>Where the circuit is not closed, it says whether anything is sent.</summary>
    private async ValueTask<HttpResponseMessage> ProbeAsync(
        Circuit circuit, HttpRequestMessage request, InterimReader? interim, Cutoff cutoff)
    {
        var context = ResilienceContextPool.Shared.Get(cutoff.Token);
        var outcome = await circuit.Pipeline.ExecuteOutcomeAsync(
            static async (_, call) =>
            {
#pragma warning disable CA1031 // An outcome, of which the circuit takes note and which is thrown again below.
                try
                {
                    var answer = await call.Client.SendAsync(call.Request, null, call.Interim, call.Cutoff);
                    return Outcome.FromResult(answer);
                }
                catch (Exception failure)
                {
                    return Outcome.FromException<HttpResponseMessage>(failure);
                }
#pragma warning restore CA1031
            },
            context, new Call(this, request, interim, cutoff));
        ResilienceContextPool.Shared.Return(context);
        outcome.ThrowIfException();
        return outcome.Result!;
    }

    /// <param name="request">What is sent.</param>
    /// <param name="circuit">Is told how it ended; null when it is told by who calls.</param>
    /// <param name="interim">Reads the interim answers.</param>
    /// <param name="cutoff">Ends it.</param>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, Circuit? circuit, InterimReader? interim, Cutoff cutoff)
    {
        if (interim is not null)
        {
            // For what is called from here only: the caller's own flow does not have it.
            InterimWatch.Current.Value = interim;
        }

        // .NET's pool has no bound on idle connections; one that is over the bound when it is needed closes after use.
        if (Interlocked.Increment(ref _running) > _idleConnectionsMax)
        {
            request.Headers.ConnectionClose = true;
        }

        try
        {
            var answer = await _invoker.SendAsync(request, cutoff.Token);
            circuit?.Tell(Outcome.FromResult(answer));
            return answer;
        }
        catch (OperationCanceledException failure) when (cutoff is { IsTriggered: true, Reason: CutoffReason.Timeout })
        {
            var timeout = new ProviderTimeoutException(failure);
            circuit?.Tell(Outcome.FromException<HttpResponseMessage>(timeout));
            throw timeout;
        }
        catch (Exception failure) when (circuit is not null)
        {
            circuit.Tell(Outcome.FromException<HttpResponseMessage>(failure));
            throw;
        }
        finally
        {
            Interlocked.Decrement(ref _running);
            await (interim?.EndAsync() ?? ValueTask.CompletedTask);
        }
    }

    public void Dispose() => _invoker.Dispose();

    private readonly record struct Call(
        ProviderClient Client, HttpRequestMessage Request, InterimReader? Interim, Cutoff Cutoff);
}
