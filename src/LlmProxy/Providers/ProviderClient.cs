using System.Net;
using System.Text;

namespace LlmProxy.Providers;

/// <summary>
/// The one way out: connections to one provider, kept and reused. Follows no redirect, keeps no cookie, decodes
/// nothing, obeys no proxy variable, adds no header: HttpClient's defaults would do all of these.
/// </summary>
internal sealed class ProviderClient : IDisposable
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);

    // Long enough to be rarely felt, short enough to follow a provider's DNS changes.
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(15);

    private readonly HttpMessageInvoker _invoker;
    private readonly int _idleConnectionsMax;

    // Requests on their way, touched by request threads through Interlocked only.
    private int _running;

    public ProviderClient(Provider provider)
    {
        _idleConnectionsMax = provider.Connection.IdleConnectionsMax;
        _invoker = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            ConnectTimeout = ConnectTimeout,
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

    /// <summary>
    /// Sends, and returns as soon as the answer's headers are there. Its failures are HttpClient's:
    /// <see cref="HttpRequestException"/>, <see cref="OperationCanceledException"/>, whatever the content threw.
    /// </summary>
    /// <param name="request">What is sent.</param>
    /// <param name="interim">Reads the interim answers. When this has ended, it reports nothing any more.</param>
    /// <param name="cancelled">Ends it.</param>
    public async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, InterimReader? interim, CancellationToken cancelled)
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
            return await _invoker.SendAsync(request, cancelled);
        }
        finally
        {
            Interlocked.Decrement(ref _running);
            await (interim?.EndAsync() ?? ValueTask.CompletedTask);
        }
    }

    public void Dispose() => _invoker.Dispose();
}
