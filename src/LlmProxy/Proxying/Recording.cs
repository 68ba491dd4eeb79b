using System.Buffers;
using LlmProxy.Events;
using LlmProxy.Events.Assembly;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Proxying;

/// <summary>
/// What the event about an exchange needs beyond what is measured anyway: the beginnings of its bodies, if they are
/// wanted, and what its connection will not know any more when the event is written.
/// </summary>
internal sealed class Recording(EventOptions options) : IDisposable
{
    private BodyPolicy _policy = options.Bodies == BodyPolicy.All ? BodyPolicy.Metadata : options.Bodies;
    private BodyCapture? _request;
    private BodyCapture? _response;
    private bool _isRequestWhole;
    private bool _hasResponse;

    /// <summary>Those of the allowlist, as they were written.</summary>
    public KeyValuePair<string, string>[]? RequestHeaders { get; private set; }

    public KeyValuePair<string, string>[]? ResponseHeaders { get; private set; }

    public string? RequestType { get; private set; }

    public string? ResponseType { get; private set; }

    public string? RequestCoding { get; private set; }

    public string? ResponseCoding { get; private set; }

    public bool IsStream { get; private set; }

    public BodyCapture? Request => _request;

    public BodyCapture? Response => _response;

    /// <summary>What puts a stream together; null when the answer is none.</summary>
    public AnswerAssembler? Assembler { get; private set; }

    /// <summary>
    /// The caller is known. Of others no body is kept, whatever the setting.
    /// </summary>
    /// <param name="ofProject">What the project wants; null when it leaves that to the setting.</param>
    public void Admit(BodyPolicy? ofProject)
    {
        _policy = ofProject ?? options.Bodies;
        if (_policy == BodyPolicy.All)
        {
            _request = new BodyCapture(options.RequestBytesMax);
            _response = new BodyCapture(options.ResponseBytesMax);
        }
    }

    /// <summary>The whole request, which was read before it is forwarded, if it ever is.</summary>
    public void TakeRequest(in ReadOnlySequence<byte> body)
    {
        AddRequest(body);
        _isRequestWhole = true;
    }

    /// <summary>A piece of the request that is being forwarded.</summary>
    public void AddRequest(in ReadOnlySequence<byte> piece)
    {
        if (!_isRequestWhole)
        {
            _request?.Add(piece);
        }
    }

    /// <summary>A piece of the answer, whose head is out.</summary>
    public void AddResponse(ReadOnlySpan<byte> piece, IHeaderDictionary headers)
    {
        if (_response is not { } capture)
        {
            return;
        }

        if (!_hasResponse)
        {
            _hasResponse = true;
            Assembler = AnswerAssembler.For(
                headers.ContentType, headers.ContentEncoding, options.ResponseBytesMax);
        }

        Assembler?.Read(piece);
        capture.Add(piece);
    }

    /// <summary>The exchange is over, and its connection will soon be another one's.</summary>
    public void Close(HttpContext http)
    {
        var (request, response) = (http.Request.Headers, http.Response.Headers);
        IsStream = response.ContentType.ToString().StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase);
        if (_policy == BodyPolicy.None)
        {
            return;
        }

        (RequestType, ResponseType) = (TextOf(request.ContentType), TextOf(response.ContentType));
        (RequestCoding, ResponseCoding) = (TextOf(request.ContentEncoding), TextOf(response.ContentEncoding));
        RequestHeaders = options.Headers.OfRequest(request);
        ResponseHeaders = options.Headers.OfResponse(response);
    }

    public void Dispose()
    {
        _request?.Dispose();
        _response?.Dispose();
        Assembler?.Dispose();
    }

    private static string? TextOf(StringValues values) => values.Count == 0 ? null : values.ToString();
}
