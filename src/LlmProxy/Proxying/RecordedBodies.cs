using System.Text;
using LlmProxy.Events;
using LlmProxy.Http;

namespace LlmProxy.Proxying;

/// <summary>
/// The bodies of an exchange as its event shows them, and what they say that nobody had to know before.
/// </summary>
/// <param name="Request">Null when none was kept.</param>
/// <param name="Response">Null when none was kept; of a stream, what it amounts to.</param>
/// <param name="RequestModel">The model that the request names.</param>
/// <param name="Signs">What the answer says of itself.</param>
internal sealed record RecordedBodies(
    EventBody? Request, EventBody? Response, string? RequestModel, AnswerSigns Signs)
{
    private static readonly RecordedBodies None = new(null, null, null, AnswerSigns.None);

    /// <summary>Reads them; what looks like a credential is overwritten first.</summary>
    public static RecordedBodies Read(Exchange exchange, Recording recording, EventOptions options)
    {
        if (recording.Request is not { } request || recording.Response is not { } response)
        {
            return None;
        }

        var key = Encoding.UTF8.GetBytes(exchange.Grant?.Project.ProviderKey.Reveal() ?? string.Empty);
        var asked = BodyOf(request, recording.RequestType, recording.RequestCoding, options.RequestBytesMax, key);
        var model = asked?.Json is { } json ? AnswerSigns.TextOf(json, "model") : null;
        if (recording.Assembler?.Finish() is { } assembled
            && CapturedBody.Read(assembled.Json, isCut: false, "application/json", key) is { } whole)
        {
            return new RecordedBodies(
                asked, whole with { Assembled = true, Truncated = assembled.IsTruncated }, model,
                new AnswerSigns(assembled.Id, assembled.FinishReasons.Count == 0 ? null : assembled.FinishReasons));
        }

        var answered = BodyOf(
            response, recording.ResponseType, recording.ResponseCoding, options.ResponseBytesMax, key);
        return new RecordedBodies(
            asked, answered, model, answered?.Json is { } answer ? AnswerSigns.Of(answer) : AnswerSigns.None);
    }

    private static EventBody? BodyOf(
        BodyCapture capture, string? contentType, string? contentEncoding, int bytesMax,
        ReadOnlySpan<byte> providerKey)
    {
        var coding = ContentCodings.Of(contentEncoding);
        return coding != ContentCoding.Identity && Inflated.Read(capture.Bytes, coding, bytesMax) is { } plain
            ? CapturedBody.Read(plain.Plain, capture.BytesBeyond > 0 || plain.IsCut, contentType, providerKey)
            : CapturedBody.Read(capture.Bytes, capture.BytesBeyond > 0, contentType, providerKey);
    }
}
