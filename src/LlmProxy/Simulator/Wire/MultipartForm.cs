using System.Security.Cryptography;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace LlmProxy.Simulator.Wire;

/// <summary>A file that came up: its size and hash, and its content while it is small.</summary>
internal sealed record ReceivedFile(string Name, long Bytes, string Sha256, byte[]? Content)
{
    /// <summary>Larger files are hashed and forgotten.</summary>
    public const int ContentBytesMax = 256 * 1024;
}

/// <summary>A multipart/form-data body, read as it comes: a file of any size passes through one small buffer.</summary>
internal sealed class MultipartForm
{
    private const int FieldsMax = 64;
    private const int FieldCharactersMax = 64 * 1024;
    private const int BufferBytes = 64 * 1024;

    private readonly Dictionary<string, string> _fields = new(StringComparer.Ordinal);

    private MultipartForm()
    {
    }

    /// <summary>The first file.</summary>
    public ReceivedFile? File { get; private set; }

    public string Field(string name) => _fields.GetValueOrDefault(name, "");

    /// <summary>Null for a body that is not such a form.</summary>
    public static async Task<MultipartForm?> ReadAsync(SimulatedCall call)
    {
        if (!MediaTypeHeaderValue.TryParse(call.Request.ContentType, out var type)
            || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            || HeaderUtilities.RemoveQuotes(type.Boundary) is not { Length: > 0 and <= 200 } boundary)
        {
            return null;
        }

        var form = new MultipartForm();
        try
        {
            var reader = new MultipartReader(boundary.ToString(), call.Body) { BodyLengthLimit = null };
            while (await reader.ReadNextSectionAsync() is { } section)
            {
                if (!await form.TakeAsync(section))
                {
                    return null;
                }
            }

            return form;
        }
        catch (Exception failure) when (failure is InvalidDataException || IsEarlyEnd(failure))
        {
            return null;
        }
    }

    // MultipartReader says so with a plain IOException; one that comes from the connection is a subclass.
    private static bool IsEarlyEnd(Exception failure) => failure.GetType() == typeof(IOException);

    private async Task<bool> TakeAsync(MultipartSection section)
    {
        if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition))
        {
            return false;
        }

        var name = HeaderUtilities.RemoveQuotes(disposition.Name).ToString();
        if (disposition.IsFileDisposition())
        {
            var fileName = disposition.FileNameStar.HasValue ? disposition.FileNameStar : disposition.FileName;
            var file = await ReceiveAsync(HeaderUtilities.RemoveQuotes(fileName).ToString(), section.Body);
            File ??= file;
            return true;
        }

        using var text = new StreamReader(section.Body);
        var characters = new char[FieldCharactersMax];
        var length = await text.ReadBlockAsync(characters);
        if (_fields.Count == FieldsMax || length == FieldCharactersMax)
        {
            return false;
        }

        _fields[name] = new(characters, 0, length);
        return true;
    }

    private static async Task<ReceivedFile> ReceiveAsync(string name, Stream body)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var content = new MemoryStream();
        var buffer = new byte[BufferBytes];
        var total = 0L;
        int read;
        while ((read = await body.ReadAsync(buffer)) > 0)
        {
            hash.AppendData(buffer, 0, read);
            total += read;
            if (total <= ReceivedFile.ContentBytesMax)
            {
                await content.WriteAsync(buffer.AsMemory(0, read));
            }
        }

        var sha256 = Convert.ToHexStringLower(hash.GetHashAndReset());
        return new(name, total, sha256, total <= ReceivedFile.ContentBytesMax ? content.ToArray() : null);
    }
}
