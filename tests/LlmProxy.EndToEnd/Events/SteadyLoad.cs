using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Events;

/// <summary>Clients that ask at a steady pace until they are told to stop; what they were answered is kept.</summary>
internal sealed class SteadyLoad : IAsyncDisposable
{
    private const int Clients = 8;

    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<string, int> _answers = new(StringComparer.Ordinal);
    private readonly HttpClient _http;
    private readonly Task _running;

    private SteadyLoad(ProxyProcess proxy, IssuedToken token, int perSecond)
    {
        _http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = proxy.Address, Timeout = Eventually.Patience };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token.Secret);
        var pause = TimeSpan.FromSeconds(1.0 * Clients / perSecond);
        _running = Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => RunAsync(pause)));
    }

    /// <summary>How many were answered so far.</summary>
    public int Count => _answers.Count;

    public static SteadyLoad On(BusRig rig, int perSecond) => new(rig.Proxy, rig.Token, perSecond);

    /// <summary>Ends it; the ids of all requests, each of which was answered well.</summary>
    public async Task<IReadOnlyCollection<string>> EndAsync()
    {
        await _stop.CancelAsync();
        await _running;
        Assert.All(_answers.Values, static status => Assert.Equal(200, status));
        return _answers.Keys.ToList();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _http.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync(TimeSpan pause)
    {
        using var timer = new PeriodicTimer(pause);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                await AskAsync();
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Between two requests: each that was begun has ended.
        }
    }

    private async Task AskAsync()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/simulator/mirror")
        {
            Content = new StringContent("{}", Encoding.UTF8, "application/json"),
        };
        using var answer = await _http.SendAsync(request, CancellationToken.None);
        var id = Assert.Single(answer.Headers.GetValues("X-LLM-Proxy-Request-ID"));
        Assert.True(
            _answers.TryAdd(id, (int)answer.StatusCode),
            string.Create(CultureInfo.InvariantCulture, $"{id} was given twice."));
    }
}
