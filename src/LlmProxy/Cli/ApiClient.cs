using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace LlmProxy.Cli;

/// <summary>
/// The one way from a command to a server. Whatever keeps it from an answer that is a success becomes a
/// <see cref="CommandFailure"/> with a sentence and the exit code.
/// </summary>
internal sealed class ApiClient : IDisposable
{
    private const int AnswerBytesMax = 16 * 1024 * 1024;

    private readonly HttpClient _http;
    private readonly Uri _server;
    private readonly TimeSpan _patience;

    /// <param name="server">Scheme, host, port and a path that all requests stand below.</param>
    /// <param name="credential">What goes behind <c>Bearer</c>; null where none is asked for.</param>
    /// <param name="patience">How long an answer may take to begin.</param>
    public ApiClient(Uri server, string? credential, TimeSpan patience)
    {
        _server = server;
        _patience = patience;
        var handler = new SocketsHttpHandler
        {
            // A credential goes where the person said, and nowhere else.
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(5),
            AutomaticDecompression = DecompressionMethods.All,
        };
        _http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        if (credential is not null)
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", credential);
        }

        _http.DefaultRequestHeaders.UserAgent.ParseAdd("llm-proxy-cli");
    }

    public Uri Server => _server;

    public Task<JsonElement> GetAsync(string path, CancellationToken stop) =>
        SendAsync(HttpMethod.Get, path, null, stop);

    public Task<JsonElement> PostAsync<T>(string path, T body, JsonTypeInfo<T> form, CancellationToken stop) =>
        SendAsync(HttpMethod.Post, path, JsonContent.Create(body, form), stop);

    public Task<JsonElement> PatchAsync<T>(string path, T body, JsonTypeInfo<T> form, CancellationToken stop) =>
        SendAsync(HttpMethod.Patch, path, JsonContent.Create(body, form), stop);

    public Task DeleteAsync(string path, CancellationToken stop) => SendAsync(HttpMethod.Delete, path, null, stop);

    /// <summary>All pages of a list, one after the other. <paramref name="path"/> ends with a query.</summary>
    public async Task<IReadOnlyList<JsonElement>> ListAsync(string path, CancellationToken stop)
    {
        var all = new List<JsonElement>();
        string? cursor = null;
        do
        {
            var page = await GetAsync(cursor is null ? path : $"{path}&cursor={Uri.EscapeDataString(cursor)}", stop);
            if (page.ValueKind != JsonValueKind.Object || !page.TryGetProperty("data", out var data)
                || data.ValueKind != JsonValueKind.Array)
            {
                throw NotAnApi();
            }

            all.AddRange(data.EnumerateArray());
            var next = page.TryGetProperty("next_cursor", out var member) ? member.GetString() : null;
            // A server that answers with the same page for ever would hold us for ever.
            cursor = next == cursor ? null : next;
        }
        while (cursor is not null);

        return all;
    }

    /// <summary>Sends and returns with the head of a successful answer; its body is still to come.</summary>
    public async Task<HttpResponseMessage> OpenAsync(
        HttpMethod method, string path, HttpContent? content, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(method, new Uri(_server, path)) { Content = content };
        var response = await GuardAsync(
            token => _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, token), stop);
        if (response.IsSuccessStatusCode)
        {
            return response;
        }

        using (response)
        {
            throw await GuardAsync(token => ApiFailure.OfAsync(response, token), stop);
        }
    }

    /// <summary>
    /// Waits for <paramref name="step"/> with the client's patience, and turns what goes wrong on the network into a
    /// failure.
    /// </summary>
    public async Task<T> GuardAsync<T>(Func<CancellationToken, Task<T>> step, CancellationToken stop)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        deadline.CancelAfter(_patience);
        try
        {
            return await step(deadline.Token);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw Network($"did not answer within {_patience.TotalSeconds:0} seconds.");
        }
        catch (HttpRequestException failure)
        {
            throw Network(failure.InnerException is SocketException socket
                ? $"cannot be reached: {socket.Message}."
                : $"cannot be reached: {failure.Message}");
        }
        catch (IOException failure)
        {
            throw Network($"broke the answer off: {failure.Message}");
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task<JsonElement> SendAsync(
        HttpMethod method, string path, HttpContent? content, CancellationToken stop)
    {
        using var response = await OpenAsync(method, path, content, stop);
        if (response.StatusCode == HttpStatusCode.NoContent)
        {
            return default;
        }

        var bytes = await GuardAsync(
            async token =>
            {
                await response.Content.LoadIntoBufferAsync(AnswerBytesMax, token);
                return await response.Content.ReadAsByteArrayAsync(token);
            },
            stop);
        try
        {
            return JsonSerializer.Deserialize(bytes, CliJson.Default.JsonElement);
        }
        catch (JsonException)
        {
            throw NotAnApi();
        }
    }

    private CommandFailure Network(string sentence) =>
        new(ExitCode.Network, $"{_server.GetLeftPart(UriPartial.Authority)} {sentence}");

    private CommandFailure NotAnApi() => Network("answered with something that this command does not understand.");
}
