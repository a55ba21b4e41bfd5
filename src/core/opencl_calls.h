/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenCL as the core calls it: through the addresses that opencl_open() found in the loader
 * (libOpenCL), so that a program with Cleat starts where there is none; or, where the build says
 * CLEAT_LINK_OPENCL, like any other function.
 */
#ifndef CLEAT_CORE_OPENCL_CALLS_H
#define CLEAT_CORE_OPENCL_CALLS_H

#ifndef CL_USE_DEPRECATED_OPENCL_1_2_APIS
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS /* clCreateCommandQueue, the one that 1.2 devices have   \
                                           */
#endif
#include <cleat/opencl.h>

/* To be called before any other function of OpenCL: CLEAT_NO_PLATFORM with what to install where
 * there is no loader. Any thread, any number of times; quick after the first. */
cleat_status opencl_open(void);

#ifndef CLEAT_LINK_OPENCL
#include <CL/cl_icd.h>

/* What the core calls, "cl" left out. */
#define OPENCL_CALLS(X)                                                                            \
    X(BuildProgram)                                                                                \
    X(CreateBuffer)                                                                                \
    X(CreateCommandQueue)                                                                          \
    X(CreateContext)                                                                               \
    X(CreateKernel)                                                                                \
    X(CreateProgramWithBinary)                                                                     \
    X(CreateProgramWithSource)                                                                     \
    X(EnqueueBarrierWithWaitList)                                                                  \
    X(EnqueueCopyBuffer)                                                                           \
    X(EnqueueFillBuffer)                                                                           \
    X(EnqueueMapBuffer)                                                                            \
    X(EnqueueMarkerWithWaitList)                                                                   \
    X(EnqueueMigrateMemObjects)                                                                    \
    X(EnqueueNDRangeKernel)                                                                        \
    X(EnqueueReadBuffer)                                                                           \
    X(EnqueueUnmapMemObject)                                                                       \
    X(EnqueueWriteBuffer)                                                                          \
    X(Finish)                                                                                      \
    X(Flush)                                                                                       \
    X(GetCommandQueueInfo)                                                                         \
    X(GetDeviceIDs)                                                                                \
    X(GetDeviceInfo)                                                                               \
    X(GetEventProfilingInfo)                                                                       \
    X(GetKernelInfo)                                                                               \
    X(GetKernelWorkGroupInfo)                                                                      \
    X(GetMemObjectInfo)                                                                            \
    X(GetPlatformIDs)                                                                              \
    X(GetPlatformInfo)                                                                             \
    X(GetProgramBuildInfo)                                                                         \
    X(GetProgramInfo)                                                                              \
    X(ReleaseCommandQueue)                                                                         \
    X(ReleaseContext)                                                                              \
    X(ReleaseEvent)                                                                                \
    X(ReleaseKernel)                                                                               \
    X(ReleaseMemObject)                                                                            \
    X(ReleaseProgram)                                                                              \
    X(RetainCommandQueue)                                                                          \
    X(RetainContext)                                                                               \
    X(RetainEvent)                                                                                 \
    X(RetainMemObject)                                                                             \
    X(SetKernelArg)                                                                                \
    X(WaitForEvents)

typedef struct opencl_calls {
#define OPENCL_CALL_MEMBER(name) cl_api_cl##name name;
    OPENCL_CALLS(OPENCL_CALL_MEMBER)
#undef OPENCL_CALL_MEMBER
} opencl_calls;

extern opencl_calls opencl; /* written once, by opencl_open() */

#define clBuildProgram opencl.BuildProgram
#define clCreateBuffer opencl.CreateBuffer
#define clCreateCommandQueue opencl.CreateCommandQueue
#define clCreateContext opencl.CreateContext
#define clCreateKernel opencl.CreateKernel
#define clCreateProgramWithBinary opencl.CreateProgramWithBinary
#define clCreateProgramWithSource opencl.CreateProgramWithSource
#define clEnqueueBarrierWithWaitList opencl.EnqueueBarrierWithWaitList
#define clEnqueueCopyBuffer opencl.EnqueueCopyBuffer
#define clEnqueueFillBuffer opencl.EnqueueFillBuffer
#define clEnqueueMapBuffer opencl.EnqueueMapBuffer
#define clEnqueueMarkerWithWaitList opencl.EnqueueMarkerWithWaitList
#define clEnqueueMigrateMemObjects opencl.EnqueueMigrateMemObjects
#define clEnqueueNDRangeKernel opencl.EnqueueNDRangeKernel
#define clEnqueueReadBuffer opencl.EnqueueReadBuffer
#define clEnqueueUnmapMemObject opencl.EnqueueUnmapMemObject
#define clEnqueueWriteBuffer opencl.EnqueueWriteBuffer
#define clFinish opencl.Finish
#define clFlush opencl.Flush
#define clGetCommandQueueInfo opencl.GetCommandQueueInfo
#define clGetDeviceIDs opencl.GetDeviceIDs
#define clGetDeviceInfo opencl.GetDeviceInfo
#define clGetEventProfilingInfo opencl.GetEventProfilingInfo
#define clGetKernelInfo opencl.GetKernelInfo
#define clGetKernelWorkGroupInfo opencl.GetKernelWorkGroupInfo
#define clGetMemObjectInfo opencl.GetMemObjectInfo
#define clGetPlatformIDs opencl.GetPlatformIDs
#define clGetPlatformInfo opencl.GetPlatformInfo
#define clGetProgramBuildInfo opencl.GetProgramBuildInfo
#define clGetProgramInfo opencl.GetProgramInfo
#define clReleaseCommandQueue opencl.ReleaseCommandQueue
#define clReleaseContext opencl.ReleaseContext
#define clReleaseEvent opencl.ReleaseEvent
#define clReleaseKernel opencl.ReleaseKernel
#define clReleaseMemObject opencl.ReleaseMemObject
#define clReleaseProgram opencl.ReleaseProgram
#define clRetainCommandQueue opencl.RetainCommandQueue
#define clRetainContext opencl.RetainContext
#define clRetainEvent opencl.RetainEvent
#define clRetainMemObject opencl.RetainMemObject
#define clSetKernelArg opencl.SetKernelArg
#define clWaitForEvents opencl.WaitForEvents
#endif

#endif
