using System.Globalization;
using System.Net;

namespace LlmProxy.Benchmarks.SideBySide;

/// <summary>
/// The two upstreams that all contestants share: nginx answers chat requests at once from a constant, the stream
/// upstream is this program in another process.
/// </summary>
internal sealed class Upstreams : IAsyncDisposable
{
    /// <summary>An answer as a chat model gives it, about 700 bytes.</summary>
    private const string Answer =
        """
        {"id":"chatcmpl-9f3c2b7a1d","object":"chat.completion","created":1760000000,"model":"gpt-4o-mini-2024-07-18",
        "choices":[{"index":0,"message":{"role":"assistant","content":"The Rhine reaches the North Sea, the Danube the
         Black Sea and the Rhone the Mediterranean.","refusal":null,"annotations":[]},"logprobs":null,
        "finish_reason":"stop"}],"usage":{"prompt_tokens":27,"completion_tokens":24,"total_tokens":51,
        "prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,
        "audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default",
        "system_fingerprint":"fp_0123456789"}
        """;

    private readonly ChildProcess _chat;
    private readonly ChildProcess _streams;

    private Upstreams(ChildProcess chat, ChildProcess streams) => (_chat, _streams) = (chat, streams);

    public required IPEndPoint Chat { get; init; }

    public required IPEndPoint Streams { get; init; }

    public static async Task<Upstreams> StartAsync(string folder, CancellationToken aborted)
    {
        var (chat, streams) = (Loopback.FreeAddress(), Loopback.FreeAddress());
        var path = Path.Combine(folder, "upstream");
        Directory.CreateDirectory(path);
        var server =
            $$"""
            server {
                listen {{chat}} backlog=1024;
                default_type application/json;
                add_header x-request-id req_0123456789abcdef;
                add_header openai-processing-ms 12;
                location = /v1/models {
                    add_header Cache-Control "max-age=300";
                    return 200 '{{Answer.ReplaceLineEndings("")}}';
                }
                location / { return 200 '{{Answer.ReplaceLineEndings("")}}'; }
            }
            """;
        var started = new Upstreams(
            Nginx.Start(path, server),
            ChildProcess.Start(
                Environment.ProcessPath!,
                ["stream-upstream", streams.Port.ToString(CultureInfo.InvariantCulture)],
                path))
        {
            Chat = chat,
            Streams = streams,
        };
        await Loopback.WaitForAnswerAsync(chat, "none", started._chat, aborted);
        await Loopback.WaitForAnswerAsync(streams, "none", started._streams, aborted);
        return started;
    }

    public async ValueTask DisposeAsync()
    {
        await _chat.DisposeAsync();
        await _streams.DisposeAsync();
    }
}
