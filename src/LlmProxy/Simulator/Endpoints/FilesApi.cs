using System.Text.Json;
using LlmProxy.Simulator.Language;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator.Endpoints;

/// <summary>A file as clients see it, and its content while it is small.</summary>
internal sealed record StoredFile(string Id, string Name, string Purpose, long Bytes, string? Sha256, byte[]? Content)
{
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, Id);
        json.WriteString("object"u8, "file"u8);
        json.WriteNumber("bytes"u8, Bytes);
        json.WriteNumber("created_at"u8, Origin.UnixSeconds);
        json.WriteNull("expires_at"u8);
        json.WriteString("filename"u8, Name);
        json.WriteString("purpose"u8, Purpose);
        json.WriteString("status"u8, "processed"u8);

        // Ours alone: it lets a test see that what arrived is what was sent.
        json.WriteString("sha256"u8, Sha256);
        json.WriteEndObject();
    }
}

/// <summary><c>/v1/files</c>. Uploads of any size are hashed as they come; only small ones can be read back.</summary>
internal sealed class FilesApi(Shelf<StoredFile> files)
{
    public const int FilesMax = 256;

    public const string IdPrefix = "file-";

    public async Task UploadAsync(SimulatedCall call)
    {
        if (await MultipartForm.ReadAsync(call) is not { } form)
        {
            await call.RefuseAsync(ApiError.UnreadableForm);
        }
        else if (form.File is not { } received)
        {
            await call.RefuseAsync(ApiError.Missing("file"));
        }
        else if (form.Field("purpose") is not { Length: > 0 } purpose)
        {
            await call.RefuseAsync(ApiError.Missing("purpose"));
        }
        else
        {
            var file = files.Add(IdPrefix, id =>
                new(id, received.Name, purpose, received.Bytes, received.Sha256, received.Content));
            await SendAsync(call, file);
        }
    }

    public Task ListAsync(SimulatedCall call) => call.SendJsonAsync(files.Newest, static (json, files) =>
        ListPage.Write(json, files, static file => file.Id, static (json, file) => file.Write(json)));

    public Task FindAsync(SimulatedCall call, string id) =>
        files.Find(id) is { } file ? SendAsync(call, file) : call.RefuseAsync(ApiError.NotFound("file", id));

    public Task ReadAsync(SimulatedCall call, string id) => files.Find(id) switch
    {
        null => call.RefuseAsync(ApiError.NotFound("file", id)),
        { Content: { } content } => call.SendAsync("application/octet-stream", content),
        _ => call.RefuseAsync(new(400, "invalid_request_error",
            $"The simulator keeps the content of files up to {ReceivedFile.ContentBytesMax} bytes only.")),
    };

    public Task DeleteAsync(SimulatedCall call, string id) => files.Remove(id)
        ? call.SendJsonAsync(id, static (json, id) =>
        {
            json.WriteStartObject();
            json.WriteString("id"u8, id);
            json.WriteString("object"u8, "file"u8);
            json.WriteBoolean("deleted"u8, true);
            json.WriteEndObject();
        })
        : call.RefuseAsync(ApiError.NotFound("file", id));

    private static Task SendAsync(SimulatedCall call, StoredFile file) =>
        call.SendJsonAsync(file, static (json, file) => file.Write(json));
}
