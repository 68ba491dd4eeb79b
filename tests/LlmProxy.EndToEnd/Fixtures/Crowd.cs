namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>Many clients that are connected already, so that they can all ask in the same moment.</summary>
internal sealed class Crowd : IAsyncDisposable
{
    private readonly RawClient[] _clients;

    private Crowd(RawClient[] clients) => _clients = clients;

    public static async Task<Crowd> ConnectAsync(Uri address, int count) =>
        new(await Task.WhenAll(Enumerable.Range(0, count).Select(_ => RawClient.ConnectAsync(address))));

    /// <summary>Each sends its request at once; the answers are in the order of the clients.</summary>
    /// <param name="request">The request of the client with this number.</param>
    /// <param name="answered">Told of each answer as it comes, of several at the same time.</param>
    public Task<RawAnswer[]> AskAsync(Func<int, string> request, Action<RawAnswer>? answered = null) =>
        Task.WhenAll(_clients.Select(async (client, i) =>
        {
            await client.SendAsync(request(i));
            var answer = await client.ReadAnswerAsync();
            Assert.NotNull(answer);
            answered?.Invoke(answer);
            return answer;
        }));

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
        {
            await client.DisposeAsync();
        }
    }
}
