using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using LlmProxy.Providers;
using LlmProxy.Tokens;

namespace LlmProxy.Proxying;

/// <summary>
/// One question to the provider until its answer begins. It is asked again only when it cannot have been understood, or
/// when it has no body and asking twice does no more than asking once (RFC 9110 §9.2.2); and only as often as the
/// provider's budget allows.
/// </summary>
internal sealed class UpstreamCall(
    Exchange exchange, ProviderRoute route, Grant grant, Cutoff cutoff, TimeProvider clock) : IDisposable
{
    private const int ShortestPauseMilliseconds = 20;
    private const int LongestPauseMilliseconds = 100;

    private HttpRequestMessage? _request;

    /// <summary>The body on its way up; null when there is none.</summary>
    public UploadContent? Upload { get; private set; }

    private RetryRules Rules => route.Provider.Resilience.Retry;

    /// <summary>Its failures are those of <see cref="ProviderClient"/>.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<HttpResponseMessage> SendAsync(ProviderClient client)
    {
        client.Budget.Earn();
        for (var attempt = 0; ; attempt++)
        {
            Prepare();
            HttpResponseMessage? answer = null;
            exchange.SentUpstream = clock.GetTimestamp();
            try
            {
                answer = await client.SendAsync(
                    _request!, grant.Project.Id, InterimAnswers.ReaderFor(exchange, cutoff.Token), cutoff);
                if (!MustAskAgain(answer, attempt) || !client.Budget.TryTake())
                {
                    return answer;
                }
            }
            catch (Exception failure) when (MayAskAgain(failure, attempt) && client.Budget.TryTake())
            {
            }

            answer?.Dispose();
            exchange.Retries++;
            await Task.Delay(PauseAfter(attempt), clock, cutoff.Token);
        }
    }

    /// <summary>No connection came about, so the provider has seen nothing and the allowance is not touched.</summary>
    public static bool NothingWasSent(Exception failure) => failure is HttpRequestException
    {
        HttpRequestError: HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError
            or HttpRequestError.SecureConnectionError
    } or OperationCanceledException { InnerException: TimeoutException };

    public void Dispose()
    {
        _request?.Dispose();
        Upload?.Dispose();
    }

    private void Prepare()
    {
        Dispose();
        Upload = UploadContent.IsNeededFor(exchange.Http.Request)
            ? new UploadContent(exchange, cutoff, route.Provider.Timeouts.ResponseHeader, clock)
            : null;
        _request = UpstreamRequest.Create(
            exchange, route, grant.Project.ProviderKey, Upload,
            exchange.Cache is { Validates: true, Stored: var stored } ? stored : null);
    }

    private bool IsRepeatable => Upload is null && exchange.Method is "GET" or "HEAD" or "OPTIONS" or "DELETE";

    private bool MayAskAgain(Exception failure, int attempt) =>
        attempt < Rules.Max && !cutoff.IsTriggered && !exchange.HasInterimAnswer
        && (NothingWasSent(failure) ? exchange.RequestBytes == 0
            : IsRepeatable && failure is HttpRequestException
            {
                HttpRequestError: HttpRequestError.ResponseEnded or HttpRequestError.Unknown
            });

    private bool MustAskAgain(HttpResponseMessage answer, int attempt) =>
        attempt < Rules.Max && IsRepeatable && !exchange.HasInterimAnswer
        && Rules.Statuses.Contains((int)answer.StatusCode)
        && !answer.Headers.NonValidated.Contains("Retry-After");

    private static TimeSpan PauseAfter(int attempt) => TimeSpan.FromMilliseconds(
        RandomNumberGenerator.GetInt32(ShortestPauseMilliseconds, LongestPauseMilliseconds) << attempt);
}
