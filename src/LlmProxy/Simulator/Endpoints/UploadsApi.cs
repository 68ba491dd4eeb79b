using System.Security.Cryptography;
using System.Text.Json;
using LlmProxy.Simulator.Language;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator.Endpoints;

/// <summary><c>/v1/uploads</c>: a file that comes up in parts.</summary>
internal sealed class UploadsApi(Shelf<StoredFile> files)
{
    private const int UploadsMax = 16;
    private const int PartsMax = 64;

    private readonly Shelf<Upload> _uploads = new(UploadsMax);

    public async Task CreateAsync(SimulatedCall call)
    {
        using var body = await call.ReadJsonAsync();
        if (body is null)
        {
            return;
        }

        var fields = new Fields(body.Root);
        var name = fields.RequiredText("filename");
        var purpose = fields.RequiredText("purpose");
        fields.RequiredText("mime_type");
        fields.Required("bytes");
        var bytes = fields.Integer("bytes", 0, int.MaxValue) ?? 0;
        await (fields.Error is { } error
            ? call.RefuseAsync(error)
            : SendAsync(call, _uploads.Add("upload_", id => new(id, name, purpose, bytes, "pending"))));
    }

    public async Task AddPartAsync(SimulatedCall call, string id)
    {
        if (await MultipartForm.ReadAsync(call) is not { File: { } received })
        {
            await call.RefuseAsync(ApiError.UnreadableForm);
            return;
        }

        var changed = _uploads.Change(id, upload => upload.With(received));
        if (changed is null)
        {
            await call.RefuseAsync(ApiError.NotFound("upload", id));
        }
        else if (changed.Parts.Count > PartsMax || changed.Status != "pending")
        {
            await call.RefuseAsync(ApiError.InvalidValue("upload_id", $"a pending upload of up to {PartsMax} parts"));
        }
        else
        {
            await call.SendJsonAsync(changed, static (json, upload) => upload.WriteLastPart(json));
        }
    }

    public async Task CompleteAsync(SimulatedCall call, string id)
    {
        using var body = await call.ReadJsonAsync();
        if (body is null)
        {
            return;
        }

        var fields = new Fields(body.Root);
        var partIds = fields.RequiredList("part_ids");
        if (fields.Error is { } error)
        {
            await call.RefuseAsync(error);
            return;
        }

        if (_uploads.Find(id) is not { Status: "pending" } upload)
        {
            await call.RefuseAsync(ApiError.NotFound("pending upload", id));
            return;
        }

        var parts = partIds.EnumerateArray().Select(part => upload.Parts.GetValueOrDefault(part.ToString())).ToList();
        if (parts.Contains(null) || parts.Sum(static part => part!.Bytes) != upload.Bytes)
        {
            await call.RefuseAsync(ApiError.InvalidValue("part_ids", "parts that make up the announced size"));
            return;
        }

        var file = files.Add(FilesApi.IdPrefix, fileId => upload.ToFile(fileId, parts!));
        var completed = _uploads.Change(id, upload => upload with { Status = "completed", File = file });
        await SendAsync(call, completed ?? upload);
    }

    public Task CancelAsync(SimulatedCall call, string id) =>
        _uploads.Change(id, static upload => upload with { Status = "cancelled" }) is { } cancelled
            ? SendAsync(call, cancelled)
            : call.RefuseAsync(ApiError.NotFound("upload", id));

    private static Task SendAsync(SimulatedCall call, Upload upload) =>
        call.SendJsonAsync(upload, static (json, upload) => upload.Write(json));

    private sealed record Upload(string Id, string Name, string Purpose, long Bytes, string Status)
    {
        public StoredFile? File { get; init; }

        public OrderedDictionary<string, ReceivedFile> Parts { get; init; } = new(StringComparer.Ordinal);

        public Upload With(ReceivedFile part) => Status == "pending" && Parts.Count <= PartsMax
            ? this with { Parts = new(Parts, StringComparer.Ordinal) { [$"part_{Id[^8..]}{Parts.Count:x4}"] = part } }
            : this;

        /// <summary>The parts as one file. Its content and hash are known only when all parts were kept.</summary>
        public StoredFile ToFile(string id, IReadOnlyList<ReceivedFile> parts)
        {
            var isKept = parts.All(static part => part.Content is not null);
            var content = isKept ? parts.SelectMany(static part => part.Content!).ToArray() : null;
            var sha256 = content is null ? null : Convert.ToHexStringLower(SHA256.HashData(content));
            var isSmall = content?.Length <= ReceivedFile.ContentBytesMax;
            return new(id, Name, Purpose, Bytes, sha256, isSmall ? content : null);
        }

        public void Write(Utf8JsonWriter json)
        {
            json.WriteStartObject();
            json.WriteString("id"u8, Id);
            json.WriteString("object"u8, "upload"u8);
            json.WriteNumber("bytes"u8, Bytes);
            json.WriteNumber("created_at"u8, Origin.UnixSeconds);
            json.WriteNumber("expires_at"u8, Origin.UnixSeconds + 3600);
            json.WriteString("filename"u8, Name);
            json.WriteString("purpose"u8, Purpose);
            json.WriteString("status"u8, Status);
            if (File is { } file)
            {
                json.WritePropertyName("file"u8);
                file.Write(json);
            }
            else
            {
                json.WriteNull("file"u8);
            }

            json.WriteEndObject();
        }

        public void WriteLastPart(Utf8JsonWriter json)
        {
            json.WriteStartObject();
            json.WriteString("id"u8, Parts.GetAt(Parts.Count - 1).Key);
            json.WriteString("object"u8, "upload.part"u8);
            json.WriteNumber("created_at"u8, Origin.UnixSeconds);
            json.WriteString("upload_id"u8, Id);
            json.WriteEndObject();
        }
    }
}
