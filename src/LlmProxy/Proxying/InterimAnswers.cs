using System.Text;
using LlmProxy.Http;
using LlmProxy.Providers;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Proxying;

/// <summary>
/// Passes the provider's interim answers (RFC 9110 §15.2) on to the client while the final one is still to come. Their
/// fields obey the rules of <see cref="AnswerRelay"/>. Nothing of them is stored, and who waits for another one's call
/// gets none.
/// </summary>
internal sealed class InterimAnswers
{
    private const string FieldEnd = "\r\n";

    private readonly Exchange _exchange;
    private readonly CancellationToken _ended;

    private InterimAnswers(Exchange exchange, CancellationToken ended)
    {
        _exchange = exchange;
        _ended = ended;
    }

    /// <summary>
    /// What reads them; null where there is no client that may get any (RFC 9110 §15.2 rules out HTTP/1.0).
    /// </summary>
    /// <param name="exchange">The client's request.</param>
    /// <param name="ended">A client that does not read is waited for until then.</param>
    public static InterimReader? ReaderFor(Exchange exchange, CancellationToken ended) =>
        HttpProtocol.IsHttp11(exchange.Http.Request.Protocol)
            ? new InterimReader(new InterimAnswers(exchange, ended).PassAsync)
            : null;

    private async ValueTask PassAsync(ReadOnlyMemory<byte> head)
    {
        var http = _exchange.Http;
        if (http.Response.HasStarted || http.RequestAborted.IsCancellationRequested || MayStillGetA100(http)
            || http.Features.Get<IConnectionTransportFeature>()?.Transport.Output is not { } client)
        {
            return;
        }

        _exchange.HasInterimAnswer = true;
        try
        {
            // Kestrel writes none but the 100. It has nothing on its way itself before the answer has started, and that
            // happens only after this.
            await client.WriteAsync(Encoding.Latin1.GetBytes(Rewrite(head.Span)), _ended);
        }
        catch (OperationCanceledException)
        {
            // What ended the wait ends the exchange as well.
        }
    }

    /// <summary>Kestrel sends its own when it begins to read the body.</summary>
    private bool MayStillGetA100(HttpContext http) => http.Request.Headers.Expect.Count > 0 && !_exchange.WasSentWhole;

    /// <summary>The head as it goes on: with the fields that may, each as it came.</summary>
    private string Rewrite(ReadOnlySpan<byte> head)
    {
        // A line may be folded; a proxy makes one of it (RFC 9112 §5.2).
        var lines = Encoding.Latin1.GetString(head)
            .Replace("\r\n ", " ", StringComparison.Ordinal)
            .Replace("\r\n\t", " ", StringComparison.Ordinal)
            .Split(FieldEnd, StringSplitOptions.RemoveEmptyEntries);
        var connection = StringValues.Empty;
        foreach (var line in lines.AsSpan(1))
        {
            var (name, options) = FieldIn(line);
            if (name.Equals("Connection", StringComparison.OrdinalIgnoreCase))
            {
                connection = StringValues.Concat(connection, options);
            }
        }

        var passed = new StringBuilder(StatusLine(lines[0])).Append(FieldEnd);
        foreach (var line in lines.AsSpan(1))
        {
            var (name, value) = FieldIn(line);
            if (!HeaderName.IsValid(name) || !HeaderText.IsClean(value))
            {
                _exchange.DroppedHeaders++;
            }
            else if (HeaderPolicy.Returns(name, connection))
            {
                passed.Append(name).Append(": ").Append(value).Append(FieldEnd);
            }
        }

        return passed.Append(FieldEnd).ToString();
    }

    private static string StatusLine(string line)
    {
        const int reasonStart = 13;
        var reason = line.Length > reasonStart ? line[reasonStart..] : string.Empty;
        return string.Concat(line.AsSpan(0, reasonStart - 1), " ", HeaderText.IsClean(reason) ? reason : string.Empty);
    }

    private static (string Name, string Value) FieldIn(string line)
    {
        var colon = line.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? (string.Empty, string.Empty) : (line[..colon], line[(colon + 1)..].Trim(' ', '\t'));
    }
}
